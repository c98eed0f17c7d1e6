import { expect, test } from 'vitest';
import { pairInOrder } from './pair-in-order.ts';

const isSame = (one: string, other: string): boolean => one === other[0];

test('each has its counterpart, or none', () => {
  expect(pairInOrder(['a', 'b', 'c'], ['c1', 'a1'], isSame)).toEqual(['a1', undefined, 'c1']);
});

test('of several that are alike, the first belongs to the first', () => {
  expect(pairInOrder(['a', 'b', 'a', 'a'], ['a1', 'a2', 'b1'], isSame)).toEqual(['a1', 'b1', 'a2', undefined]);
});
