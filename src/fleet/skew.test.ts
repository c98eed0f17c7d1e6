import { expect, test } from 'vitest';
import { skewOf } from './skew.ts';

const of = (...shares: readonly (readonly [weight: number, sessions: number])[]): number | null =>
  skewOf(shares.map(([weight, sessions]) => ({ weight, sessions })));

test.each([
  ['even', of([1, 50], [1, 50]), 1],
  ['one has twice the mean', of([1, 100], [1, 0]), 2],
  ['weights are shares', of([3, 75], [1, 25]), 1],
  ['one session more than one each is no skew', of([1, 1], [1, 0], [1, 0]), 1],
  ['a server without weight has no share', of([1, 50], [0, 10]), 60 / 60 - 10 / 60],
  ['no sessions', of([1, 0], [1, 0]), null],
  ['no servers', of(), null],
])('%s', (_, found, expected) => {
  if (expected === null) expect(found).toBe(null);
  else expect(found).toBeCloseTo(expected);
});
