/** Servers join, leave and get other weights while policies choose among them: in the end as if it had never been otherwise. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fleetOf, randomOf } from '../../test/support/servers.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { type Member, planMembership } from '../fleet/membership.ts';
import { Server } from '../fleet/server.ts';
import { Chooser } from './chooser.ts';
import { HashOwners } from './hash-owners.ts';
import { Maglev } from './maglev.ts';
import type { Policy } from './policy.ts';
import { createPolicy, policyNames } from './registry.ts';
import { Rendezvous } from './rendezvous.ts';
import { RoundRobin } from './round-robin.ts';

const any = () => true;
const size = 12;
const keys = Array.from({ length: 300 }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 0);

const server = fc.record({ slot: fc.nat(size - 1), weight: fc.constantFrom(0, 1, 1, 2, 5), port: fc.nat(1) });
const servers = fc.uniqueArray(server, { selector: ({ slot }) => slot, maxLength: size });
const history = fc.array(servers, { minLength: 1, maxLength: 6 });

type Listed = readonly { readonly slot: number; readonly weight: number; readonly port: number }[];

/** One fleet through all of its configs; `between` is called after each. */
function through(configs: readonly Listed[], between: (fleet: Fleet) => void = () => {}): Fleet {
  const load = Load.single(size);
  const fleet = new Fleet([], { panicThreshold: 0, slowStart: 0 });
  for (const config of configs) {
    const members = config.map(({ slot, weight, port }): Member => {
      const address = { kind: 'tcp', host: '127.0.0.1', port: 2 * slot + port } as const;
      return { name: `s${slot}`, slot, weight, maxRequests: 0, address };
    });
    const change = planMembership(fleet, members, (one) => new Server(one, one.slot * 7919 + 1, one.slot, load));
    fleet.applyMembership(change, 0);
    between(fleet);
  }
  return fleet;
}

const chosen = (policy: Policy, { snapshot }: Fleet) => keys.map((key) => policy.select(snapshot, key, any)?.identity);

describe.each<[string, () => Policy]>([
  ['rendezvous', () => new Rendezvous()],
  ['maglev', () => new Maglev()],
])('%s', (name, make) => {
  test('places every key where a pool places it that was made with the last servers', () => {
    const numRuns = name === 'maglev' ? 20 : 100;
    fc.assert(
      fc.property(history, (configs) => {
        const policy = make();
        const fleet = through(configs, (then) => policy.select(then.snapshot, 1, any));
        expect(chosen(policy, fleet)).toEqual(chosen(make(), through(configs.slice(-1))));
      }),
      { numRuns },
    );
  });
});

test('the hash owner of every key is that of a pool which was made with the last servers', () => {
  fc.assert(
    fc.property(history, (configs) => {
      let owners: HashOwners | null = null;
      const of = (from: HashOwners) => keys.map((key) => from.of(key)?.identity);
      const fleet = through(configs, (then) => {
        owners ??= new HashOwners(then);
        of(owners);
      });
      expect(of(owners ?? new HashOwners(fleet))).toEqual(of(new HashOwners(through(configs.slice(-1)))));
    }),
  );
});

test.each(policyNames)('%s proposes each of the last servers, and no other', (name) => {
  fc.assert(
    fc.property(history, fc.integer(), (configs, seed) => {
      const policy = createPolicy(name, { random: randomOf(seed) });
      const fleet = through(configs, (then) => policy.select(then.snapshot, 1, any));
      const proposed: string[] = [];
      policy.select(fleet.snapshot, 7, (one) => {
        proposed.push(one.identity);
        return false;
      });
      expect(proposed.toSorted()).toEqual(fleet.snapshot.up.map(({ identity }) => identity).toSorted());
    }),
    { numRuns: name === 'maglev' ? 20 : 100 },
  );
});

test('the bound goes by the weights that servers have now', () => {
  const fleet = through(
    [
      [1, 1],
      [1, 3],
    ].map((weights) => weights.map((weight, slot) => ({ slot, weight, port: 0 }))),
  );
  const chooser = new Chooser(new Rendezvous(), fleet, { maxLoad: 1 });
  for (let n = 0; n < 80; n++) {
    chooser.choose(n, null)?.enter();
    fleet.load.run(fleet.slot, 1);
  }
  expect(fleet.servers.map(({ inflight }) => inflight)).toEqual([20, 60]);
});

describe('round-robin', () => {
  const turnsOf = (policy: Policy, fleet: Fleet, count: number) =>
    Array.from({ length: count }, () => policy.select(fleet.snapshot, 0, any)?.slot);

  test('goes on with the server whose turn it was when one before it leaves, or one joins behind it', () => {
    const six = [0, 1, 2, 3, 4, 5].map((slot) => ({ slot, weight: 1, port: 0 }));
    const policy = new RoundRobin({ random: () => 0 });
    const turns: (number | undefined)[][] = [];
    const configs = [six, six.slice(1), [...six.slice(1), { slot: 9, weight: 1, port: 0 }], six.toReversed()];
    through(configs, (fleet) => turns.push(turnsOf(policy, fleet, 3)));
    expect(turns).toEqual([
      [1, 2, 3],
      [4, 5, 1],
      [2, 3, 4],
      [5, 0, 1],
    ]);
  });

  test('gives servers of unequal weights their shares after every change', () => {
    fc.assert(
      fc.property(history, fc.integer(), (configs, seed) => {
        const policy = new RoundRobin({ random: randomOf(seed) });
        through(configs, (fleet) => {
          const { up, totalWeight } = fleet.snapshot;
          if (up.length === 0) return;
          const turns = turnsOf(policy, fleet, totalWeight);
          for (const { slot, weight } of up) {
            // Weights that are equal are one turn each in a round.
            const isEqual = up.every((one) => one.weight === weight);
            const share = isEqual ? totalWeight / up.length : weight;
            expect(Math.abs(turns.filter((one) => one === slot).length - share)).toBeLessThanOrEqual(1);
          }
        });
      }),
    );
  });
});

test('a server that has another address takes the turn of the one before', () => {
  const policy = new RoundRobin({ random: () => 0 });
  const fleet = fleetOf([1, 1, 1]);
  expect(policy.select(fleet.snapshot, 0, any)?.name).toBe('s1');
  const gone = fleet.servers[2]!;
  const next = new Server({ ...gone, address: { kind: 'unix', path: '/run/s2' } }, gone.id, gone.slot);
  fleet.applyMembership({ removed: [gone], added: [next], changed: [] }, 0);
  expect(policy.select(fleet.snapshot, 0, any)).toBe(next);
});
