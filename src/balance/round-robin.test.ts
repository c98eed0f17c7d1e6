import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equal, fleetOf, randomOf } from '../../test/support/servers.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Accept } from './policy.ts';
import { RoundRobin } from './round-robin.ts';

const any: Accept = () => true;

function picker(fleet: Fleet, seed = 1) {
  const policy = new RoundRobin({ random: randomOf(seed) });
  return (count: number, accept = any) =>
    Array.from({ length: count }, () => policy.select(fleet.snapshot, 0, accept)?.slot);
}

const countOf = (picks: readonly (number | undefined)[], number: number) =>
  picks.filter((pick) => pick === number).length;

function longestRun(picks: readonly unknown[]): number {
  let longest = 0;
  let run = 0;
  picks.forEach((pick, at) => {
    run = at > 0 && pick === picks[at - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

test('equal weights rotate', () => {
  const picks = picker(fleetOf(equal(4)))(12);
  expect(picks).toEqual(picks.map((_, at) => (picks[0]! + at) % 4));
});

test('threads take turns, whatever servers each of them knew before', () => {
  let number = 7;
  const turns = {
    last: () => number,
    pass: (from: number, to: number) => {
      if (number !== from) return false;
      number = to;
      return true;
    },
  };
  const threads = [0, 1].map((seed) => {
    const fleet = fleetOf(equal(2));
    const policy = new RoundRobin({ random: randomOf(seed), turns });
    return { fleet, pick: () => policy.select(fleet.snapshot, 0, any)!.slot };
  });
  // One of them is informed later that a server is out and in again.
  for (const { fleet, pick } of threads) {
    pick();
    fleet.setActive(fleet.servers[0]!, false, 1);
    pick();
    fleet.setActive(fleet.servers[0]!, true, 2);
  }
  const picks = Array.from({ length: 12 }, (_, at) => threads[at % 2]!.pick());
  expect(longestRun(picks)).toBe(1);
});

test('balancers that start together begin with different servers', () => {
  for (const weights of [equal(50), equal(50).map((_, at) => 1 + (at % 3))]) {
    const firsts = Array.from({ length: 40 }, (_, seed) => picker(fleetOf(weights), seed)(1)[0]);
    expect(new Set(firsts).size).toBeGreaterThan(15);
  }
});

test('weights 5, 1, 1 interleave as evenly as in nginx', () => {
  for (let seed = 0; seed < 100; seed++) {
    const picks = picker(fleetOf([5, 1, 1]), seed)(70);
    // nginx repeats a a b a c a a: four in a row where two rounds meet.
    expect(longestRun(picks)).toBeLessThanOrEqual(4);
    for (let at = 0; at + 7 <= picks.length; at++) {
      const round = picks.slice(at, at + 7);
      expect([0, 1, 2].map((number) => countOf(round, number))).toEqual([5, 1, 1]);
    }
  }
});

test('any run as long as the sum of whole weights holds each server by its weight', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.integer(), weights, fc.nat(100), (seed, weights, skip) => {
      const pick = picker(fleetOf(weights), seed);
      pick(skip);
      const picks = pick(weights.reduce((sum, weight) => sum + weight, 0));
      // One more or less where rounding decides which of two turns at the same time is first.
      for (const [number, weight] of weights.entries()) {
        expect(Math.abs(countOf(picks, number) - weight)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

describe('a server that is passed over', () => {
  test('loses its turns, and neither it nor the others take a burst afterwards', () => {
    for (const [passed, runs] of [
      [0, 1],
      [1, 5],
    ] as const) {
      const pick = picker(fleetOf([5, 1, 1]));
      const without = pick(100, (server) => server.slot !== passed);
      expect(countOf(without, passed)).toBe(0);
      // The two that are left go on by their own weights: 1 to 1, or 5 to 1.
      expect(longestRun(without)).toBe(runs);
      const picks = pick(70);
      expect(longestRun(picks)).toBeLessThanOrEqual(5);
      for (const [number, share] of [50, 10, 10].entries()) {
        expect(Math.abs(countOf(picks, number) - share)).toBeLessThanOrEqual(2);
      }
    }
  });

  test.each([[equal(4)], [[5, 2, 1]]])('changes nothing when nobody is taken: %j', (weights) => {
    const first = picker(fleetOf(weights));
    const second = picker(fleetOf(weights));
    first(3);
    second(3);
    second(2, () => false);
    expect(second(20)).toEqual(first(20));
  });
});

describe('a new snapshot', () => {
  test('goes on with the server whose turn it was', () => {
    const fleet = fleetOf(equal(6));
    const pick = picker(fleet);
    while (pick(1)[0] !== 2);
    fleet.setActive(fleet.servers[5]!, false, 1);
    expect(pick(3)).toEqual([3, 4, 0]);
    fleet.setActive(fleet.servers[5]!, true, 2);
    expect(pick(3)).toEqual([1, 2, 3]);
  });

  test('passes to the next one when that server has gone', () => {
    const fleet = fleetOf(equal(6));
    const pick = picker(fleet);
    while (pick(1)[0] !== 2);
    fleet.setActive(fleet.servers[3]!, false, 1);
    expect(pick(3)).toEqual([4, 5, 0]);
  });

  test('starves nobody, however often it comes', () => {
    for (const weights of [equal(10), [...equal(9), 2]]) {
      const fleet = fleetOf(weights);
      const pick = picker(fleet);
      const picks: (number | undefined)[] = [];
      for (let now = 1; now <= 900; now++) {
        fleet.setActive(fleet.servers[0]!, now % 2 === 0, now);
        picks.push(...pick(1));
      }
      for (let number = 1; number < 9; number++) {
        expect(countOf(picks, number)).toBeGreaterThan(70);
        expect(countOf(picks, number)).toBeLessThan(130);
      }
    }
  });

  test('lets a server that starts slowly in by its growing weight', () => {
    const fleet = fleetOf(equal(4), { slowStart: 1000 });
    const pick = picker(fleet);
    const back = fleet.servers[1]!;
    fleet.setActive(back, false, 1);
    pick(10);
    fleet.setActive(back, true, 1000);
    expect(countOf(pick(310), 1)).toBeCloseTo(10, -1);
    fleet.tick(1500);
    expect(Math.abs(countOf(pick(350), 1) - 50)).toBeLessThanOrEqual(1);
    fleet.tick(2000);
    expect(countOf(pick(400), 1)).toBe(100);
  });
});
