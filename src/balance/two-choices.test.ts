import { expect, test } from 'vitest';
import { equal, fleetOf, randomOf, run } from '../../test/support/servers.ts';
import { Random } from './random.ts';
import { TwoChoices } from './two-choices.ts';

const any = () => true;

test('of two servers the less loaded one is always taken', () => {
  const fleet = fleetOf([1, 1]);
  run(fleet.servers[0]!, 1);
  const policy = new TwoChoices({ random: randomOf(1) });
  for (let n = 0; n < 100; n++) expect(policy.select(fleet.snapshot, 0, any)).toBe(fleet.servers[1]);
});

test('load counts for its weight', () => {
  const fleet = fleetOf([4, 1]);
  run(fleet.servers[0]!, 2);
  const policy = new TwoChoices({ random: randomOf(1) });
  for (let n = 0; n < 100; n++) expect(policy.select(fleet.snapshot, 0, any)).toBe(fleet.servers[0]);
});

test('the better one is proposed first, then the other one', () => {
  const fleet = fleetOf(equal(2));
  run(fleet.servers[0]!, 1);
  const proposed: number[] = [];
  new TwoChoices({ random: randomOf(1) }).select(fleet.snapshot, 0, (server) => {
    proposed.push(server.slot);
    return false;
  });
  expect(proposed).toEqual([1, 0]);
});

test('the fullest of many servers is far less full than by chance alone', () => {
  const fullest = [TwoChoices, Random].map((Policy) => {
    const fleet = fleetOf(equal(1000));
    const policy = new Policy({ random: randomOf(2) });
    for (let n = 0; n < 10_000; n++) policy.select(fleet.snapshot, 0, any)!.enter();
    return Math.max(...fleet.servers.map((server) => server.inflight));
  });
  // In theory 10 + ln ln 1000 / ln 2 = 12.8 against 10 + about 12.
  expect(fullest[0]).toBeLessThanOrEqual(14);
  expect(fullest[1]).toBeGreaterThanOrEqual(18);
});
