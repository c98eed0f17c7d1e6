import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equal, fleetOf, serverOf } from '../../test/support/servers.ts';
import { Fleet } from './fleet.ts';
import { Server } from './server.ts';

const upOf = (fleet: Fleet) => fleet.snapshot.up.map((server) => server.name);
const at = (fleet: Fleet, number: number): Server => fleet.servers[number]!;

/** Writes down each published change as "name: from -> to". */
function changesOf(fleet: Fleet): string[] {
  const changes: string[] = [];
  fleet.onChange = (server, from, to) => changes.push(`${server.name}: ${from} -> ${to}`);
  return changes;
}

test('a fleet begins with every server up, but for those of weight 0', () => {
  const fleet = fleetOf([1, 0, 3]);
  expect(upOf(fleet)).toEqual(['s0', 's2']);
  expect(fleet.snapshot.all).toBe(fleet.servers);
  expect([...fleet.snapshot.weights]).toEqual([1, 3]);
  expect(fleet.snapshot).toMatchObject({ version: 0, totalWeight: 4, panic: false });
});

test('takes over what was said of the servers that it has, by name and address, and passes over the others', () => {
  const from = fleetOf([1, 1, 1]);
  const to = new Fleet(
    [serverOf(2), serverOf(0), serverOf(4)].map((one, slot) => moved(one, slot)),
    {
      panicThreshold: 0,
      slowStart: 0,
    },
  );
  const changes = changesOf(to);
  from.setPassive(at(from, 2), false, 0);
  from.setDrained(at(from, 1), true, 0);
  to.apply(from.namedReports, 0);
  expect(changes).toEqual(['s2: up -> down']);
  expect(upOf(to)).toEqual(['s0', 's4']);
});

/** The same server with another slot. */
function moved(server: Server, slot: number): Server {
  return new Server(server, server.id, slot);
}

test('an empty fleet has a snapshot too', () => {
  expect(fleetOf([], { panicThreshold: 0.5 }).snapshot).toMatchObject({ up: [], totalWeight: 0, panic: false });
});

test('finds a server by its id, whatever its state', () => {
  const fleet = new Fleet([serverOf(0, { id: 2 ** 48 - 1 }), serverOf(1, { id: 5 })], {
    panicThreshold: 0,
    slowStart: 0,
  });
  fleet.setActive(at(fleet, 0), false, 1);
  expect(fleet.find(2 ** 48 - 1)).toBe(at(fleet, 0));
  expect(fleet.find(6)).toBeUndefined();
});

test('refuses a server of another pool', () => {
  const fleet = fleetOf(equal(2));
  expect(() => fleet.setActive(serverOf(1), false, 1)).toThrow('server s1 is not of this pool');
  expect(() => fleet.setDrained(serverOf(2), true, 1)).toThrow('server s2 is not of this pool');
});

describe('states', () => {
  test('a server is up when active and passive checks both say so', () => {
    const fleet = fleetOf(equal(2));
    const changes = changesOf(fleet);
    fleet.setPassive(at(fleet, 0), false, 1);
    fleet.setActive(at(fleet, 0), false, 2);
    fleet.setPassive(at(fleet, 0), true, 3);
    expect(at(fleet, 0).state).toBe('down');
    expect(upOf(fleet)).toEqual(['s1']);
    fleet.setActive(at(fleet, 0), true, 4);
    expect(upOf(fleet)).toEqual(['s0', 's1']);
    expect(changes).toEqual(['s0: up -> down', 's0: down -> up']);
  });

  test('a drained server takes no new sessions but is not down', () => {
    const fleet = fleetOf(equal(2));
    const changes = changesOf(fleet);
    fleet.setDrained(at(fleet, 1), true, 1);
    expect(at(fleet, 1).state).toBe('draining');
    expect(upOf(fleet)).toEqual(['s0']);
    fleet.setDrained(at(fleet, 1), false, 2);
    expect(upOf(fleet)).toEqual(['s0', 's1']);
    expect(changes).toEqual(['s1: up -> draining', 's1: draining -> up']);
  });

  test('down beats draining, and the drain is remembered', () => {
    const fleet = fleetOf(equal(2));
    const changes = changesOf(fleet);
    fleet.setDrained(at(fleet, 0), true, 1);
    fleet.setActive(at(fleet, 0), false, 2);
    fleet.setActive(at(fleet, 0), true, 3);
    expect(changes).toEqual(['s0: up -> draining', 's0: draining -> down', 's0: down -> draining']);
  });

  test('whatever is said in whatever order, the last words of the three decide', () => {
    const word = fc.record({
      who: fc.constantFrom('active', 'passive', 'drained'),
      yes: fc.boolean(),
      server: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (reports) => {
        const fleet = fleetOf(equal(3));
        const said = fleet.servers.map(() => ({ active: true, passive: true, drained: false }));
        let now = 0;
        for (const { who, yes, server } of reports) {
          if (who === 'active') fleet.setActive(at(fleet, server), yes, ++now);
          else if (who === 'passive') fleet.setPassive(at(fleet, server), yes, ++now);
          else fleet.setDrained(at(fleet, server), yes, ++now);
          Object.assign(said[server]!, { [who]: yes });
        }
        const states = said.map(({ active, passive, drained }) =>
          active && passive ? (drained ? 'draining' : 'up') : 'down',
        );
        expect(fleet.servers.map((server) => server.state)).toEqual(states);
        expect(upOf(fleet)).toEqual(['s0', 's1', 's2'].filter((_, number) => states[number] === 'up'));
      }),
    );
  });
});

describe('snapshots', () => {
  test('one that is held does not change; each change makes the next version', () => {
    const fleet = fleetOf(equal(3));
    const held = fleet.snapshot;
    fleet.setActive(at(fleet, 1), false, 1);
    expect(held.up.map((server) => server.name)).toEqual(['s0', 's1', 's2']);
    expect(held.totalWeight).toBe(3);
    expect(fleet.snapshot).not.toBe(held);
    expect(fleet.snapshot.version).toBe(held.version + 1);
  });

  test('what changes nothing publishes nothing', () => {
    const fleet = fleetOf(equal(2), { slowStart: 1000 });
    const changes = changesOf(fleet);
    const held = fleet.snapshot;
    fleet.setActive(at(fleet, 0), true, 1);
    fleet.setDrained(at(fleet, 0), false, 2);
    fleet.tick(3);
    expect(fleet.snapshot).toBe(held);
    expect(changes).toEqual([]);
  });

  test('who is told of a change sees it published', () => {
    const fleet = fleetOf(equal(2));
    let seen: string[] = [];
    fleet.onChange = () => {
      seen = upOf(fleet);
    };
    fleet.setActive(at(fleet, 0), false, 1);
    expect(seen).toEqual(['s1']);
  });
});

describe('panic', () => {
  const downTo = (fleet: Fleet, count: number) => {
    for (const server of fleet.servers) fleet.setActive(server, server.slot < count, 1);
  };

  test('begins when fewer than the threshold are up, and ends when enough are back', () => {
    const fleet = fleetOf(equal(4), { panicThreshold: 0.5 });
    downTo(fleet, 2);
    expect(fleet.snapshot.panic).toBe(false);
    expect(upOf(fleet)).toEqual(['s0', 's1']);
    downTo(fleet, 1);
    expect(fleet.snapshot.panic).toBe(true);
    expect(upOf(fleet)).toEqual(['s0', 's1', 's2', 's3']);
    expect(fleet.snapshot.totalWeight).toBe(4);
    expect(at(fleet, 3).state).toBe('down');
    downTo(fleet, 2);
    expect(upOf(fleet)).toEqual(['s0', 's1']);
  });

  test('never comes at threshold 0', () => {
    const fleet = fleetOf(equal(4));
    downTo(fleet, 0);
    expect(fleet.snapshot).toMatchObject({ panic: false, up: [] });
  });

  test('still gives no new sessions to a drained server, nor to one of weight 0', () => {
    const fleet = fleetOf([1, 1, 1, 0], { panicThreshold: 0.5 });
    fleet.setDrained(at(fleet, 0), true, 1);
    downTo(fleet, 0);
    expect(upOf(fleet)).toEqual(['s1', 's2']);
  });

  test('is not for a drain: what an operator took out does not look down', () => {
    const fleet = fleetOf(equal(4), { panicThreshold: 0.5 });
    for (const number of [0, 1, 2]) fleet.setDrained(at(fleet, number), true, 1);
    expect(fleet.snapshot.panic).toBe(false);
    expect(upOf(fleet)).toEqual(['s3']);
  });

  test('gives no new sessions to a server that is drained while it looks down', () => {
    const fleet = fleetOf(equal(3), { panicThreshold: 0.5 });
    downTo(fleet, 0);
    fleet.setDrained(at(fleet, 1), true, 2);
    expect(upOf(fleet)).toEqual(['s0', 's2']);
    fleet.setDrained(at(fleet, 1), false, 3);
    expect(upOf(fleet)).toEqual(['s0', 's1', 's2']);
  });

  test('believes in the only server there is', () => {
    const fleet = fleetOf([1], { panicThreshold: 0.5 });
    downTo(fleet, 0);
    expect(upOf(fleet)).toEqual(['s0']);
  });
});

describe('slow start', () => {
  const slow = (weights: readonly number[]) => fleetOf(weights, { slowStart: 1000 });

  test('spares the servers that are there at process start', () => {
    const fleet = slow([1, 2]);
    fleet.tick(1);
    expect([...fleet.snapshot.weights]).toEqual([1, 2]);
    expect(fleet.snapshot.version).toBe(0);
  });

  test('lets the weight of one that came back grow linearly from a tenth', () => {
    const fleet = slow([8, 4]);
    fleet.setActive(at(fleet, 1), false, 5000);
    fleet.setActive(at(fleet, 1), true, 10_000);
    const weights = [10_000, 10_050, 10_100, 10_250, 10_500, 10_750, 11_000, 20_000].map((now) => {
      fleet.tick(now);
      expect(fleet.snapshot.totalWeight).toBe(8 + fleet.snapshot.weights[1]!);
      return fleet.snapshot.weights[1];
    });
    expect(weights).toEqual([0.4, 0.4, 0.4, 1, 2, 3, 4, 4]);
    expect(at(fleet, 1).weight).toBe(4);
  });

  test('publishes while it lasts and no longer', () => {
    const fleet = slow([1, 1]);
    fleet.setActive(at(fleet, 1), false, 1);
    fleet.setActive(at(fleet, 1), true, 2);
    const { version } = fleet.snapshot;
    fleet.tick(500);
    fleet.tick(1002);
    expect(fleet.snapshot.version).toBe(version + 2);
    fleet.tick(2000);
    expect(fleet.snapshot.version).toBe(version + 2);
  });

  test('begins anew when the server falls again', () => {
    const fleet = slow([1, 1]);
    for (const now of [1000, 1600]) {
      fleet.setPassive(at(fleet, 1), false, now);
      fleet.setPassive(at(fleet, 1), true, now + 10);
      fleet.tick(now + 510);
      expect(fleet.snapshot.weights[1]).toBe(0.5);
    }
  });

  test('is not for the end of a drain: that server was never gone', () => {
    const fleet = slow([1, 1]);
    fleet.setDrained(at(fleet, 1), true, 1);
    fleet.setDrained(at(fleet, 1), false, 2);
    expect([...fleet.snapshot.weights]).toEqual([1, 1]);
  });

  test('works on a clock that begins at 0', () => {
    const fleet = slow([1, 1]);
    fleet.setActive(at(fleet, 1), false, 0);
    fleet.setActive(at(fleet, 1), true, 0);
    expect(fleet.snapshot.weights[1]).toBe(0.1);
  });

  test('ends for a server that is drained meanwhile', () => {
    const fleet = slow([1, 1]);
    fleet.setDrained(at(fleet, 1), true, 1);
    fleet.setActive(at(fleet, 1), false, 2);
    fleet.setActive(at(fleet, 1), true, 3);
    fleet.tick(2000);
    const { version } = fleet.snapshot;
    fleet.tick(3000);
    expect(fleet.snapshot.version).toBe(version);
  });
});

describe('after a panic', () => {
  const ends = (fleet: Fleet) => {
    for (const server of fleet.servers) fleet.setPassive(server, false, 1);
    expect(fleet.snapshot.panic).toBe(true);
    fleet.setPassive(at(fleet, 0), true, 2);
    fleet.setPassive(at(fleet, 1), true, 2);
    expect(fleet.snapshot.panic).toBe(false);
  };

  test('a server that is still down may be asked for what it holds, and gets nothing new', () => {
    const fleet = fleetOf(equal(3), { panicThreshold: 0.5 });
    expect(fleet.isUsable(at(fleet, 2))).toBe(true);
    ends(fleet);
    expect(fleet.servers.map((server) => fleet.isUsable(server))).toEqual([true, true, true]);
    expect(upOf(fleet)).toEqual(['s0', 's1']);
  });

  test('until it has been tried in vain, or has come back', () => {
    const fleet = fleetOf(equal(3), { panicThreshold: 0.5 });
    ends(fleet);
    fleet.confirmDown(at(fleet, 2));
    expect(fleet.isUsable(at(fleet, 2))).toBe(false);
    ends(fleet);
    fleet.setPassive(at(fleet, 2), true, 3);
    fleet.setPassive(at(fleet, 2), false, 4);
    expect(fleet.isUsable(at(fleet, 2))).toBe(false);
  });

  test('and one that goes down without a panic is not believed to be well', () => {
    const fleet = fleetOf(equal(3), { panicThreshold: 0.5 });
    fleet.setActive(at(fleet, 2), false, 1);
    expect(fleet.isUsable(at(fleet, 2))).toBe(false);
  });
});

test('finds the servers of another config that it has too, by name and address', () => {
  const fleet = fleetOf(equal(3));
  const other = fleetOf(equal(2));
  expect(fleet.same(other.servers)).toEqual([at(fleet, 0), at(fleet, 1)]);
  const moved = Object.assign(Object.create(at(other, 0)) as Server, { identity: 's0 unix:/elsewhere' });
  expect(fleet.same([moved, at(other, 1)])).toEqual([at(fleet, 1)]);
});
