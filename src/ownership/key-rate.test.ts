import { expect, test } from 'vitest';
import { KeyRate } from './key-rate.ts';

test('so many are taken in a second, and as many in the next', () => {
  const rate = new KeyRate(2);
  expect([7, 7, 7, 8, 8, 8].map((now) => rate.take(now))).toEqual([true, true, false, true, true, false]);
});
