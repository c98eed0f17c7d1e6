import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import { Rebalancer } from './rebalancer.ts';

/** Servers with so many sessions each. */
function stage(skew: number, rate: number, weights: readonly number[], counts: number[] = weights.map(() => 0)) {
  const load = new Load(Load.create(weights.length + 2, 1), weights.length + 2, 0);
  const servers = weights.map((weight, i) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: i + 1 } as const;
    return new Server({ name: `s${i}`, address, weight, maxRequests: 0 }, i + 1, i + 1, load);
  });
  const fleet = new Fleet(servers, { panicThreshold: 0, slowStart: 0 }, load, weights.length + 1);
  let second = 1;
  const rebalancer = new Rebalancer({ skew, rate }, fleet, { count: (slot) => counts[slot - 1]! }, () => second);
  /** A request of a session of that server comes, and the policy would choose `to`. True: the session moves. */
  const request = (from: number, to: number): boolean => {
    const [leaves, joins] = [servers[from]!, servers[to]!];
    const full = rebalancer.shouldRebalance(leaves);
    if (full === null || full.includes(joins) || !rebalancer.evensOut(leaves, joins)) return false;
    counts[from]!--;
    counts[to]!++;
    return true;
  };
  /** How many leave that server for another, of a hundred requests. */
  const shed = (from: number, to: number): number =>
    Array.from({ length: 100 }, () => request(from, to)).filter(Boolean).length;
  return { counts, fleet, servers, request, shed, later: () => second++ };
}

test('only who has more than its share sheds, and no more than the rate', () => {
  const { shed, later, counts } = stage(1.25, 10, [1, 1, 1], [50, 50, 0]);
  expect([shed(0, 2), shed(1, 2), shed(2, 0)]).toEqual([9, 1, 0]);
  later();
  expect([shed(2, 0), shed(1, 2)]).toEqual([0, 8]);
  expect(counts).toEqual([41, 41, 18]);
});

test('who has its share gets none', () => {
  const { shed, counts } = stage(1.25, 100, [1, 1, 1], [70, 30, 20]);
  expect([shed(0, 1), shed(0, 2)]).toEqual([20, 0]);
  expect(counts).toEqual([50, 50, 20]);
});

test('weights are shares; one that is alone has nobody to shed to; off is off', () => {
  const { shed, fleet, servers, later, counts } = stage(1.2, 10, [3, 1], [75, 25]);
  expect([shed(0, 1), shed(1, 0)]).toEqual([0, 0]);
  counts[1] = 45;
  later();
  expect([shed(0, 1), shed(1, 0)]).toEqual([0, 9]);
  fleet.setActive(servers[0]!, false, 0);
  later();
  expect(shed(1, 0)).toBe(0);
  expect(stage(0, 10, [1, 1], [90, 0]).shed(0, 1)).toBe(0);
});

describe('what is known is up to a second old', () => {
  test('servers that fill up within it do not pass their sessions round', () => {
    const { fleet, servers, counts, request } = stage(1.2, 1000, [1, 1, 1], [7, 6, 7]);
    fleet.setActive(servers[2]!, false, 0);
    expect(request(0, 1)).toBe(false);
    // Those of the one that has left come to the others: each has more than a third now.
    counts.splice(0, 3, 10, 10, 0);
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [0, 1],
    ] as const)
      expect(request(from, to)).toBe(false);
  });

  test('whatever the policy chooses: each move makes shares more even, and there is an end of them', () => {
    const server = fc.record({ weight: fc.integer({ min: 1, max: 5 }), sessions: fc.nat(40) });
    const requests = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 200, maxLength: 400 });
    fc.assert(
      fc.property(fc.array(server, { minLength: 2, maxLength: 6 }), requests, (all, seeds) => {
        const weights = all.map(({ weight }) => weight);
        const { counts, request } = stage(
          1.2,
          100_000,
          weights,
          all.map(({ sessions }) => sessions),
        );
        const unevenness = () => counts.reduce((sum, count, i) => sum + count ** 2 / weights[i]!, 0);
        for (const [from, to] of seeds) {
          const before = unevenness();
          const start = from % weights.length;
          const end = to % weights.length;
          if (start !== end && counts[start]! > 0 && request(start, end)) expect(unevenness()).toBeLessThan(before);
        }
      }),
    );
  });
});
