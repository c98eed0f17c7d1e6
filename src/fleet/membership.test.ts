import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { Fleet } from './fleet.ts';
import { newHealthReport } from './health-report.ts';
import { serverId } from './id.ts';
import { Load } from './load.ts';
import { changesNothing, differOnlyInServers, type Member, planMembership } from './membership.ts';
import { Server } from './server.ts';

const secrets = [Buffer.alloc(32, 8), Buffer.alloc(32, 9)];
const slots = 40;

const create = (member: Member): Server => {
  const [id = 0, ...formerIds] = secrets.map((secret) => serverId(member.name, secret));
  return new Server(member, id, member.slot, Load.single(slots), { formerIds });
};

/** As the config would have it: name s7 has slot 7, whatever else changes. */
function memberOf(slot: number, change: Partial<Member> & { readonly port?: number } = {}): Member {
  const { port = 3000 + slot, ...rest } = change;
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  return { name: `s${slot}`, slot, address, weight: 1, maxRequests: 0, ...rest };
}

function fleetOf(members: readonly Member[], options = { panicThreshold: 0.5, slowStart: 1000 }): Fleet {
  const fleet = new Fleet([], options);
  become(fleet, members, 0);
  return fleet;
}

function become(fleet: Fleet, members: readonly Member[], now: number) {
  const change = planMembership(fleet, members, create);
  fleet.applyMembership(change, now);
  return change;
}

const names = (servers: readonly Server[]) => servers.map(({ name }) => name);
const three = [1, 2, 3].map((slot) => memberOf(slot));

describe('a plan', () => {
  const plan = (members: readonly Member[]) => {
    const { removed, added, changed } = planMembership(fleetOf(three), members, create);
    return { removed: names(removed), added: names(added), changed: names(changed.map(({ server }) => server)) };
  };

  test('of the same servers in whatever order has nothing to do', () => {
    expect(plan(three.toReversed())).toEqual({ removed: [], added: [], changed: [] });
    expect(changesNothing(planMembership(fleetOf(three), three.toReversed(), create))).toBe(true);
  });

  test('has one that joins, and one that leaves', () => {
    expect(plan([...three, memberOf(4)])).toEqual({ removed: [], added: ['s4'], changed: [] });
    expect(plan(three.slice(1))).toEqual({ removed: ['s1'], added: [], changed: [] });
  });

  test('changes weight and cap in place', () => {
    const others = [memberOf(1, { weight: 5 }), memberOf(2, { maxRequests: 9 }), memberOf(3)];
    expect(plan(others)).toEqual({ removed: [], added: [], changed: ['s1', 's2'] });
  });

  test('takes another address, or another name, for another server', () => {
    expect(plan([memberOf(1, { port: 9 }), ...three.slice(1)])).toEqual({
      removed: ['s1'],
      added: ['s1'],
      changed: [],
    });
    const renamed = { ...memberOf(4), address: memberOf(1).address };
    expect(plan([renamed, ...three.slice(1)])).toEqual({ removed: ['s1'], added: ['s4'], changed: [] });
  });

  test('changes nothing before it is applied', () => {
    const fleet = fleetOf(three);
    const { snapshot } = fleet;
    planMembership(fleet, [memberOf(1, { weight: 5 }), memberOf(9)], create);
    expect(fleet.snapshot).toBe(snapshot);
    expect([fleet.at(1)?.weight, fleet.at(9), fleet.at(2)?.removed]).toEqual([1, undefined, false]);
  });

  test('with a name given twice is refused', () => {
    expect(() => fleetOf([...three, memberOf(1)])).toThrow(
      new UsageError('two servers are named "s1": give each its own name'),
    );
  });

  test('with two names of one id is refused, both named, whenever the second one joins', () => {
    // Found by trying 44 million names under this secret.
    const [a, b] = ['s1815816', 's11479796'].map((name, i) => memberOf(10 + i, { name })) as [Member, Member];
    const told = /"s1815816" and "s11479796" happen to get the same id/;
    expect(() => fleetOf([...three, a, b])).toThrow(UsageError);
    expect(() => fleetOf([...three, a, b])).toThrow(told);
    const fleet = fleetOf([...three, a]);
    expect(() => become(fleet, [...three, a, b], 0)).toThrow(told);
    expect(fleet.servers).toHaveLength(4);
    // The one may take the place of the other.
    become(fleet, [...three, b], 0);
    expect(fleet.find(serverId('s11479796', secrets[0]!))?.name).toBe('s11479796');
  });
});

describe('applied', () => {
  test('touches the one server alone: the others are the same, with their health, slow start, load and connections', () => {
    const fleet = fleetOf([memberOf(0), ...three, memberOf(4)]);
    const [, one, two, four] = [0, 1, 2, 4].map((slot) => fleet.at(slot)!) as [Server, Server, Server, Server];
    fleet.setActive(one, false, 10);
    fleet.setActive(two, false, 10);
    fleet.setActive(two, true, 20);
    fleet.setDrained(four, true, 20);
    one.enter();
    two.idle = 3;
    two.moves = 2;
    const before = fleet.servers.map(({ report }) => ({ ...report }));
    become(fleet, [memberOf(0), memberOf(1), memberOf(2), memberOf(3, { port: 9 }), memberOf(4)], 30);
    expect([fleet.at(1), fleet.at(2), fleet.at(4)]).toEqual([one, two, four]);
    expect(fleet.at(2)).toBe(two);
    expect([one.state, two.state, four.state]).toEqual(['down', 'up', 'draining']);
    expect(fleet.servers.map(({ report }) => report)).toEqual(before);
    expect([one.inflight, two.idle, two.moves]).toEqual([1, 3, 2]);
    // s2 goes on with its slow start: half of it is over at 520.
    fleet.tick(520);
    const weights = Object.fromEntries(fleet.snapshot.up.map(({ name }, i) => [name, fleet.snapshot.weights[i]]));
    expect(weights).toEqual({ s0: 1, s2: 0.5, s3: 1 });
  });

  test('is one new snapshot, and says so', () => {
    const fleet = fleetOf(three);
    const held = fleet.snapshot;
    become(fleet, [memberOf(2, { weight: 4 }), memberOf(5), memberOf(6)], 1);
    expect(names(held.all)).toEqual(['s1', 's2', 's3']);
    expect(names(fleet.snapshot.all)).toEqual(['s2', 's5', 's6']);
    expect(fleet.snapshot).toMatchObject({
      version: held.version + 1,
      membership: held.membership + 1,
      totalWeight: 6,
    });
    fleet.setActive(fleet.at(5)!, false, 2);
    expect(fleet.snapshot.membership).toBe(held.membership + 1);
  });

  test('leaves nothing of a server that has left, but for who holds it', () => {
    const fleet = fleetOf(three);
    const gone = fleet.at(1)!;
    become(fleet, [memberOf(1, { port: 9 }), ...three.slice(1)], 1);
    expect([gone.removed, fleet.isUsable(gone)]).toEqual([true, false]);
    expect(fleet.named(gone.identity)).toBeUndefined();
    expect(fleet.find(gone.id)).toBe(fleet.at(1));
    expect(fleet.at(1)).not.toBe(gone);
    expect(() => fleet.setActive(gone, false, 1)).toThrow('server s1 is not of this pool');
  });

  test('may begin and end a panic', () => {
    const fleet = fleetOf(three);
    fleet.setActive(fleet.at(1)!, false, 1);
    expect(fleet.snapshot.panic).toBe(false);
    become(fleet, [memberOf(1)], 2);
    expect(fleet.snapshot.panic).toBe(true);
    become(fleet, three, 3);
    expect(fleet.snapshot.panic).toBe(false);
    // It was not asked since: what it holds may be asked for.
    expect(fleet.isUsable(fleet.at(1)!)).toBe(true);
  });
});

test('two configs differ in their servers only, or in more', () => {
  const pool = { servers: [1], balance: 'random', health: { fall: 3 } };
  expect(differOnlyInServers(pool, { ...pool, servers: [2, 3] })).toBe(true);
  expect(differOnlyInServers(pool, { ...pool, health: { fall: 4 } })).toBe(false);
});

describe('any sequence of changes', () => {
  const member = fc
    .record({ slot: fc.nat(11), weight: fc.constantFrom(0, 1, 1, 3), port: fc.nat(2), maxRequests: fc.nat(2) })
    .map(({ slot, port, ...rest }) => memberOf(slot, { port: 3000 + 10 * slot + port, ...rest }));
  const members = fc.uniqueArray(member, { selector: ({ slot }) => slot, maxLength: 12 });

  test('ends with what a fleet has that was made with the last servers', () => {
    fc.assert(
      fc.property(fc.array(members, { minLength: 1, maxLength: 8 }), (configs) => {
        const fleet = fleetOf([]);
        for (const config of configs) become(fleet, config, 0);
        const last = configs.at(-1)!;
        const fresh = fleetOf(last);
        const of = ({ snapshot }: Fleet) => ({
          all: snapshot.all.map(({ identity, slot, id, formerIds, weight, maxRequests, state }) => {
            return { identity, slot, id, formerIds, weight, maxRequests, state };
          }),
          up: names(snapshot.up),
          weights: [...snapshot.weights],
          totalWeight: snapshot.totalWeight,
          panic: snapshot.panic,
        });
        expect(of(fleet)).toEqual(of(fresh));
        for (let slot = 0; slot < slots; slot++) {
          for (const secret of secrets) {
            const id = serverId(`s${slot}`, secret);
            expect(fleet.find(id)?.identity).toBe(fresh.find(id)?.identity);
          }
          expect(fleet.at(slot)?.identity).toBe(fresh.at(slot)?.identity);
        }
        for (const server of fleet.servers) {
          expect([server.removed, server.report]).toEqual([false, newHealthReport()]);
        }
      }),
    );
  });
});
