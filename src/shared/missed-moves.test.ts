import { expect, test } from 'vitest';
import { MissedMoves } from './missed-moves.ts';

test('everything is known until something was missed, and then what is later than that', () => {
  const buffer = MissedMoves.create();
  const [here, there] = [new MissedMoves(buffer), new MissedMoves(buffer)];
  expect(there.covers(0)).toBe(true);
  here.miss(100);
  expect([99, 100, 101].map((seen) => there.covers(seen))).toEqual([false, false, true]);
  here.miss(50);
  expect(there.covers(60)).toBe(false);
});
