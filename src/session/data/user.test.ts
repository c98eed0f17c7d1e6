import { expect, test } from 'vitest';
import { setLabel, setUser, signInOf } from './user.ts';

test('sign-ins in the same millisecond are told apart, in their order', () => {
  const now = 1_800_000_000_000;
  const marks = Array.from({ length: 5 }, () => {
    const data = {};
    setUser(data, 'ada', now);
    return signInOf(data)?.since ?? 0;
  });
  expect(marks.toSorted((a, b) => a - b)).toEqual(marks);
  expect(new Set(marks).size).toBe(5);
  expect(marks.map(Math.trunc)).toEqual(new Array(5).fill(now));
});

test('the same user again, or a label, is no other sign-in; nobody is', () => {
  const data = {};
  setUser(data, 'ada', 1000);
  const before = signInOf(data);
  setUser(data, 'ada', 2000);
  expect(signInOf(data)).toEqual(before);
  setLabel(data, 'Firefox');
  expect(signInOf(data)).toEqual({ ...before, label: 'Firefox' });
  setUser(data, null, 3000);
  expect(signInOf(data)).toBeNull();
});
