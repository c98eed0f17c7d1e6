import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equal, fleetOf, randomOf } from '../../test/support/servers.ts';
import { withinBound } from './bounded.ts';
import { Chooser } from './chooser.ts';
import { createPolicy, policyNames } from './registry.ts';

test('the bound is the multiple of the mean that the new exchange makes, rounded up', () => {
  // 10 servers, 79 in flight: the mean becomes 8, the bound at 1.25 is 10.
  expect(withinBound(9, 1, 79, 10, 1.25)).toBe(true);
  expect(withinBound(10, 1, 79, 10, 1.25)).toBe(false);
  // A server of double weight among them (11 in all): ceil(1.25 * 80 * 2 / 11) = 19.
  expect(withinBound(18, 2, 79, 11, 1.25)).toBe(true);
  expect(withinBound(19, 2, 79, 11, 1.25)).toBe(false);
  // Nothing in flight: everybody may take one.
  expect(withinBound(0, 1, 0, 1000, 1)).toBe(true);
});

test('there is always a server under its bound', () => {
  const server = fc.record({ inflight: fc.nat(1000), weight: fc.double({ min: 0.01, max: 256, noNaN: true }) });
  const servers = fc.array(server, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(servers, fc.double({ min: 1, max: 3, noNaN: true }), fc.nat(100), (servers, maxLoad, elsewhere) => {
      // Exchanges on draining servers count in the total.
      const total = servers.reduce((sum, { inflight }) => sum + inflight, elsewhere);
      const totalWeight = servers.reduce((sum, { weight }) => sum + weight, 0);
      return servers.some(({ inflight, weight }) => withinBound(inflight, weight, total, totalWeight, maxLoad));
    }),
    { numRuns: 500 },
  );
});

describe.each(policyNames)('%s', (name) => {
  test.each([
    ['equal weights', equal(20)],
    ['weights', [1, 2, 3, 4, 10, 6, 0.5]],
  ])('never goes above the bound: %s', (_title, weights) => {
    const maxLoad = 1.25;
    const fleet = fleetOf(weights);
    const random = randomOf(11);
    const chooser = new Chooser(createPolicy(name, { random }), fleet, { maxLoad });
    const totalWeight = weights.reduce((sum, weight) => sum + weight, 0);
    const running: number[] = [];
    for (let n = 0; n < 5_000; n++) {
      // Half of all exchanges are for one hot key, and they end in random order.
      const key = n % 2 === 0 ? 7 : Math.floor(random() * 2 ** 32);
      const server = chooser.choose(key, null)!;
      server.enter();
      fleet.load.run(fleet.slot, 1);
      running.push(server.slot);
      const bound = Math.ceil((maxLoad * fleet.inflight * server.weight) / totalWeight);
      expect(server.inflight).toBeLessThanOrEqual(bound);
      if (running.length < 200) continue;
      const at = Math.floor(random() * running.length);
      fleet.servers[running[at]!]!.leave();
      fleet.load.run(fleet.slot, -1);
      running[at] = running.at(-1)!;
      running.pop();
    }
    expect(fleet.inflight).toBe(running.length);
  });
});
