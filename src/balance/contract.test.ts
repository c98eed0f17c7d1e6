/** What every policy promises, whatever its algorithm; each runs through the same suite. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deviation, equal, fleetOf, randomOf, run, tally } from '../../test/support/servers.ts';
import type { Server } from '../fleet/server.ts';
import { createPolicy, policyNames } from './registry.ts';

const any = () => true;
/** An odd step visits all 32-bit keys. */
const keys = (count: number) => Array.from({ length: count }, (_, n) => Math.imul(n, 0x9e3779b1) >>> 0);

describe.each(policyNames)('%s', (name) => {
  const make = (seed = 1) => createPolicy(name, { random: randomOf(seed) });

  test('says its name', () => {
    expect(make().name).toBe(name);
  });

  test('has nobody to propose when nobody is up', () => {
    const policy = make();
    expect(policy.select(fleetOf([]).snapshot, 7, any)).toBeUndefined();
    expect(policy.select(fleetOf([0, 0]).snapshot, 7, any)).toBeUndefined();
  });

  test.each([1, 2, 10, 1000])('proposes each of %i servers once when all are refused', (size) => {
    const fleet = fleetOf(equal(size));
    const policy = make();
    for (const key of keys(4)) {
      const proposed: Server[] = [];
      const chosen = policy.select(fleet.snapshot, key, (server) => {
        proposed.push(server);
        return false;
      });
      expect(chosen).toBeUndefined();
      expect(proposed).toHaveLength(size);
      expect(new Set(proposed).size).toBe(size);
    }
  });

  test('takes the one that is accepted and asks no further', () => {
    const fleet = fleetOf([3, 1, 4, 1, 5]);
    const policy = make();
    for (const key of keys(50)) {
      let asked = 0;
      const chosen = policy.select(fleet.snapshot, key, () => ++asked === 3);
      expect(chosen).toBeDefined();
      expect(asked).toBe(3);
    }
  });

  test('keeps its promises through any history of weights, states, loads and refusals', () => {
    const step = fc.record({
      server: fc.nat(11),
      up: fc.boolean(),
      inflight: fc.nat(3),
      key: fc.nat(0xffff_ffff),
      refused: fc.uniqueArray(fc.nat(11)),
    });
    const weights = fc.array(
      fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0.01, max: 256, noNaN: true })),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(fc.integer(), weights, fc.array(step, { maxLength: 40 }), (seed, weights, steps) => {
        const fleet = fleetOf(weights, { slowStart: 20 });
        const policy = make(seed);
        let now = 1;
        for (const { server, up, inflight, key, refused } of steps) {
          const touched = fleet.servers[server];
          if (touched !== undefined) {
            fleet.setActive(touched, up, ++now);
            run(touched, inflight - touched.inflight);
          }
          fleet.tick(++now);
          const proposed: Server[] = [];
          const chosen = policy.select(fleet.snapshot, key, (one) => {
            proposed.push(one);
            return !refused.includes(one.slot);
          });
          const usable = fleet.snapshot.up.filter((one) => !refused.includes(one.slot));
          expect(new Set(proposed).size).toBe(proposed.length);
          expect(fleet.snapshot.up).toEqual(expect.arrayContaining(proposed));
          if (usable.length === 0) expect([chosen, proposed.length]).toEqual([undefined, fleet.snapshot.up.length]);
          else expect([usable.includes(chosen!), proposed.at(-1)]).toEqual([true, chosen]);
        }
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ['equal weights', equal(20)],
    ['weights', [1, 2, 3, 4, 10, 0, 0.5]],
  ])('shares by %s', (_title, weights) => {
    const fleet = fleetOf(weights);
    // Two choices draws by weight and by load: its shares are right only when its picks count as load.
    const loaded = name === 'two-choices';
    const policy = make();
    const picks = keys(20_000).map((key) => {
      const server = policy.select(fleet.snapshot, key, any);
      if (loaded && server !== undefined) server.enter();
      return server;
    });
    expect(deviation(tally(picks, weights.length), weights)).toBeLessThan(5);
  });

  test('sends what one server refuses to several others', () => {
    const fleet = fleetOf(equal(10));
    const policy = make();
    const picks = keys(5_000).map((key) => policy.select(fleet.snapshot, key, (server) => server.slot !== 4));
    const counts = tally(picks, 10);
    expect(counts[4]).toBe(0);
    for (const count of counts.filter((_, number) => number !== 4)) expect(count).toBeGreaterThan(5_000 / 20);
  });

  test('the same randomness and history choose the same servers', () => {
    const run = () => {
      const fleet = fleetOf([1, 2, 3, 4]);
      const policy = make(42);
      return keys(100).map((key) => policy.select(fleet.snapshot, key, any)?.name);
    };
    expect(run()).toEqual(run());
  });
});
