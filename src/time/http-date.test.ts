import fc from 'fast-check';
import { expect, test } from 'vitest';
import { httpDate, longAgo } from './http-date.ts';

test('a date is as JavaScript writes it, whatever was asked for before', () => {
  const seconds = fc.integer({ min: -86_400, max: 200_000_000_000 });
  const near = fc.tuple(seconds, fc.array(fc.integer({ min: -90_000, max: 90_000 }), { maxLength: 4 }));
  fc.assert(
    fc.property(near, ([at, steps]) => {
      for (const one of [at, at, ...steps.map((step) => at + step)])
        expect(httpDate(one)).toBe(new Date(one * 1000).toUTCString());
    }),
  );
  expect(httpDate(0)).toBe(longAgo);
});
