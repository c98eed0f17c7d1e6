/** The pools of the config in force, as the parts need them that follow the owners of their sessions in the store of a fleet. */
import { descriptorOf } from '../affinity/registry.ts';
import { createFleet, idKeysOf } from '../balancer/fleets.ts';
import { claimTtlMs } from '../balancer/replication.ts';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Load } from '../fleet/load.ts';
import { kindName, type Numbers } from '../shared/slots.ts';

export interface FollowedPool {
  readonly name: string;
  readonly fleet: Fleet;
  /** Milliseconds for which the store records an owner. */
  readonly ttl: number;
  /** Its sessions have copies, which the store knows by whole ids: the table has half of them. */
  readonly hasCopies: boolean;
  /** Lifetime of the sessions that name their owner themselves, and may be unknown to the table; null: it has none. */
  readonly cookie: number | null;
  /** Lifetimes of sessions that clients name: the store has all of them. Of the others it has those that have moved. */
  readonly named: ReadonlySet<number>;
}

export interface FollowedPoolsDependencies {
  readonly load: Load;
  readonly tableSecret: Buffer;
}

export function followedPools(
  options: LimpetOptions,
  numbers: Numbers,
  { load, tableSecret }: FollowedPoolsDependencies,
): readonly FollowedPool[] {
  const idKeys = idKeysOf(options, tableSecret);
  return options.pools.map((pool) => {
    const { name, affinity } = pool;
    const lifetimeOf = (one: PoolOptions['affinity'][number]) => numbers.lifetimes.get(kindName(name, one));
    const cookie = affinity.find(hasTokens);
    return {
      name,
      fleet: createFleet(pool, { load, numbers, idKeys }),
      ttl: claimTtlMs(pool),
      hasCopies: pool.sessions && options.sessions?.replication !== 'none',
      cookie: cookie === undefined ? null : (lifetimeOf(cookie) ?? 0),
      named: new Set(affinity.filter((one) => !hasTokens(one)).flatMap((one) => lifetimeOf(one) ?? [])),
    };
  });
}

function hasTokens(affinity: PoolOptions['affinity'][number]): boolean {
  const { issuesTokens, withoutEpoch } = descriptorOf(affinity);
  return issuesTokens === true || withoutEpoch === true;
}
