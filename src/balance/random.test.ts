import { expect, test } from 'vitest';
import { equal, fleetOf } from '../../test/support/servers.ts';
import { Random } from './random.ts';

test('the ends of the range of randomness are the first and the last server', () => {
  const fleet = fleetOf(equal(3));
  for (const [value, number] of [
    [0, 0],
    [1 - 2 ** -53, 2],
  ] as const) {
    expect(new Random({ random: () => value }).select(fleet.snapshot, 0, () => true)?.slot).toBe(number);
  }
});
