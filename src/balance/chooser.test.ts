import { describe, expect, test } from 'vitest';
import { equal, fleetOf, randomOf, run, serverOf } from '../../test/support/servers.ts';
import { Fleet, type FleetOptions } from '../fleet/fleet.ts';
import { Chooser } from './chooser.ts';
import type { Accept, Policy } from './policy.ts';
import { createPolicy, type PolicyName, policyNames } from './registry.ts';

const chooserOf = (fleet: Fleet, { name = 'round-robin' as PolicyName, maxLoad = 0 } = {}) =>
  new Chooser(createPolicy(name, { random: randomOf(1) }), fleet, { maxLoad });

function cappedFleet(caps: readonly number[], options: Partial<FleetOptions> = {}): Fleet {
  const servers = caps.map((maxRequests, number) => serverOf(number, { maxRequests }));
  return new Fleet(servers, { panicThreshold: 0, slowStart: 0, ...options });
}

function put(fleet: Fleet, number: number, inflight: number): void {
  run(fleet.servers[number]!, inflight);
  fleet.load.run(fleet.slot, inflight);
}

const names = (
  chooser: Chooser,
  count: number,
  ...[key = 1, excluded = null]: Partial<Parameters<Chooser['choose']>>
) => new Set(Array.from({ length: count }, () => chooser.choose(key, excluded)?.name));

describe.each(policyNames)('with %s', (name) => {
  test('an excluded server is not chosen, and nobody when all are excluded', () => {
    const fleet = fleetOf(equal(4));
    const chooser = chooserOf(fleet, { name });
    const excluded = [chooser.choose(9, null)!];
    for (let left = 3; left > 0; left--) {
      const next = chooser.choose(9, excluded)!;
      expect(excluded).not.toContain(next);
      excluded.push(next);
    }
    expect(chooser.choose(9, excluded)).toBeUndefined();
    expect(chooser.lacksRoom(excluded)).toBe(false);
  });

  test('a full server is passed over, and waited for when all are full', () => {
    const fleet = cappedFleet([1, 2, 1]);
    const chooser = chooserOf(fleet, { name, maxLoad: 1.25 });
    for (let n = 0; n < 4; n++) put(fleet, chooser.choose(n, null)!.slot, 1);
    expect(fleet.servers.map((server) => server.inflight)).toEqual([1, 2, 1]);
    expect(chooser.choose(1, null)).toBeUndefined();
    expect(chooser.lacksRoom(null)).toBe(true);
    put(fleet, 1, -1);
    expect(chooser.choose(1, null)?.name).toBe('s1');
  });

  test('an excluded server is not waited for', () => {
    const fleet = cappedFleet([1, 1]);
    put(fleet, 0, 1);
    put(fleet, 1, 1);
    const chooser = chooserOf(fleet, { name });
    expect(chooser.lacksRoom([fleet.servers[0]!])).toBe(true);
    expect(chooser.lacksRoom([...fleet.servers])).toBe(false);
  });
});

test('an empty pool and a pool that is down have nobody, and nothing to wait for', () => {
  const down = fleetOf([1]);
  down.setActive(down.servers[0]!, false, 1);
  for (const fleet of [fleetOf([]), down]) {
    const chooser = chooserOf(fleet, { maxLoad: 1.25 });
    expect([chooser.choose(1, null), chooser.lacksRoom(null)]).toEqual([undefined, false]);
  }
});

describe('the bound', () => {
  test('moves a hot key on to its next server', () => {
    const fleet = fleetOf(equal(4));
    const chooser = chooserOf(fleet, { name: 'rendezvous', maxLoad: 1.25 });
    const home = chooser.choose(5, null)!;
    for (let n = 0; n < 40; n++) put(fleet, chooser.choose(5, null)!.slot, 1);
    expect(home.inflight).toBe(13);
    const unbounded = chooserOf(fleet, { name: 'rendezvous' });
    expect(unbounded.choose(5, null)).toBe(home);
  });

  test('is ignored when it alone would refuse the request, the cap is not', () => {
    const fleet = cappedFleet([0, 1, 1]);
    put(fleet, 0, 8);
    put(fleet, 1, 1);
    put(fleet, 2, 1);
    const chooser = chooserOf(fleet, { maxLoad: 1.25 });
    // s1 and s2 are under the bound and full; s0 is over it and has room.
    expect(names(chooser, 10)).toEqual(new Set(['s0']));
    expect(names(chooser, 10, 1, [fleet.servers[0]!])).toEqual(new Set([undefined]));
  });

  test('goes by configured weights while a server starts slowly', () => {
    const fleet = fleetOf(equal(2), { slowStart: 1000 });
    fleet.setActive(fleet.servers[1]!, false, 1);
    fleet.setActive(fleet.servers[1]!, true, 2);
    put(fleet, 0, 5);
    put(fleet, 1, 4);
    // Mean 5, bound ceil(1.0 * 10 / 2) = 5: only s1 is under it, at whatever weight it has now.
    expect(names(chooserOf(fleet, { maxLoad: 1 }), 20)).toEqual(new Set(['s1']));
  });
});

describe('in panic', () => {
  const panicking = () => {
    const fleet = fleetOf(equal(4), { panicThreshold: 0.5 });
    for (const number of [0, 1, 2]) fleet.setActive(fleet.servers[number]!, false, 1);
    expect(fleet.snapshot.panic).toBe(true);
    return fleet;
  };

  test('a first attempt believes nobody to be down', () => {
    expect(names(chooserOf(panicking()), 8)).toEqual(new Set(['s0', 's1', 's2', 's3']));
  });

  test('a retry goes to one that looks up, and to the others after it', () => {
    const fleet = panicking();
    const chooser = chooserOf(fleet, { maxLoad: 1.25 });
    expect(names(chooser, 8, 1, [fleet.servers[0]!])).toEqual(new Set(['s3']));
    expect(names(chooser, 8, 1, [fleet.servers[0]!, fleet.servers[3]!])).toEqual(new Set(['s1', 's2']));
  });

  test('a retry rather exceeds the bound than goes to one that looks down', () => {
    const fleet = panicking();
    put(fleet, 3, 10);
    expect(names(chooserOf(fleet, { maxLoad: 1.25 }), 8, 1, [fleet.servers[0]!])).toEqual(new Set(['s3']));
  });
});

test('one choice reads one snapshot and asks with one and the same function', () => {
  const asked = new Set<Accept>();
  const policy: Policy = {
    name: 'spy',
    select(snapshot, _key, accept) {
      asked.add(accept);
      return snapshot.up.find(accept);
    },
  };
  const fleet = cappedFleet([1, 1]);
  const chooser = new Chooser(policy, fleet, { maxLoad: 1.25 });
  for (let n = 0; n < 3; n++) {
    const server = chooser.choose(n, null);
    if (server !== undefined) put(fleet, server.slot, 1);
  }
  expect(asked.size).toBe(1);
});
