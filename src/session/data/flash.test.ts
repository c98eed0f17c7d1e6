/** Values that are read once, as data: what two requests that have changed them leave. */
import { expect, test } from 'vitest';
import type { SessionData } from './codec.ts';
import { addFlash, flashName, hasFlash, maxFlashes, mergeFlashes, takeFlashes } from './flash.ts';

test('what is left is taken once, by type and in order; a name of objects is a type as any other', () => {
  const data: SessionData = {};
  for (const type of ['info', '__proto__', 'info']) addFlash(data, type, `${type} ${maxFlashes}`);
  addFlash(data, 'info', { last: true });
  expect(hasFlash(data, '__proto__')).toBe(true);
  expect(takeFlashes(data, 'constructor')).toEqual([]);
  expect(takeFlashes(data, 'info')).toEqual(['info 64', 'info 64', { last: true }]);
  expect(takeFlashes(data, 'info')).toEqual([]);
  expect(takeFlashes(data, '__proto__')).toEqual(['__proto__ 64']);
  expect(data).toEqual({});
});

test('of too many the oldest go', () => {
  const data: SessionData = {};
  for (let n = 0; n < maxFlashes + 2; n++) addFlash(data, 'n', n);
  expect(takeFlashes(data, 'n')).toEqual(Array.from({ length: maxFlashes }, (_, n) => n + 2));
});

test.each([null, 'text', {}, [1, ['info'], ['info', 1, 2], [1, 'info']]])('what is kept is %j: nothing', (kept) => {
  const data: SessionData = { [flashName]: kept };
  expect(takeFlashes(data, 'info')).toEqual([]);
  addFlash(data, 'info', 'now');
  expect(takeFlashes(data, 'info')).toEqual(['now']);
});

const list = (text: string) => [...text].map((one) => ['type', one]);
test.each([
  // Before, mine, theirs, merged.
  ['both add', 'a', 'ab', 'ac', 'acb'],
  ['both add the same', '', 'a', 'a', 'aa'],
  ['one reads, one adds', 'a', '', 'ab', 'b'],
  ['one adds, one reads', 'a', 'ab', '', 'b'],
  ['both read', 'ab', 'b', '', ''],
  ['one of two equals is read', 'aa', 'a', 'aab', 'ab'],
])('%s', (_what, before, mine, theirs, merged) => {
  const expected = merged === '' ? undefined : list(merged);
  expect(mergeFlashes(list(before), list(mine), list(theirs))).toEqual(expected);
});
