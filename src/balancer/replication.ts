/** What the parts need that use the store for a pool, made from its options: workers and the store interface have one of each. */
import type { FleetOptions, PoolOptions, SessionsOptions } from '../config/options.ts';
import type { SessionEvents } from '../events/session-events.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { KeyRate } from '../ownership/key-rate.ts';
import { RotationProofs } from '../ownership/rotation-proof.ts';
import type { PoolParts } from '../proxy/pool.ts';
import type { Shared } from '../shared/memory.ts';
import type { Store } from '../store/store.ts';
import { type Clock, unixSeconds } from '../time/clock.ts';

/** Where the copies of sessions are. */
export interface CopySource {
  readonly options: SessionsOptions;
  readonly store: Store;
  /** Where servers find the store interface. A server appends its own slot to it. */
  readonly url: string;
}

/** Where the owners of sessions are, for all balancers of a fleet. */
export interface OwnerSource {
  readonly options: FleetOptions;
  readonly store: Store;
  /** One for all pools of a worker. */
  readonly newKeys: KeyRate;
}

export interface ReplicationDependencies {
  readonly table: Shared['table'];
  readonly counters: Shared['counters'];
  readonly clock: Clock;
  readonly events: SessionEvents;
  readonly keys: readonly Buffer[];
  /** null: no copies are kept. */
  readonly copies: CopySource | null;
  /** null: this is the only balancer. */
  readonly owners: OwnerSource | null;
}

/** A store that keeps nothing of a session but its owner forgets the owner after this long (ms) when the session has no idle time. */
const longestClaimMs = 24 * 3_600_000;

/** Longer than a session may be idle: it is renewed while it is used, a quarter of its idle time apart (workers/owner-renewal.ts). */
const claimShare = 1.5;

export function newKeysOf({ newKeys }: FleetOptions): KeyRate {
  return new KeyRate(newKeys);
}

/** null: this pool has no copies. */
export function createReplication(
  pool: PoolOptions,
  fleet: Fleet,
  { table, counters, clock, events, keys, copies, owners }: ReplicationDependencies,
): PoolParts['copies'] {
  const { name, sessions } = pool;
  if (!sessions || copies === null) return null;
  const { options, store, url } = copies;
  return {
    pool: name,
    replication: options.replication,
    degrade: options.whenStoreFails === 'degrade',
    timeoutMs: options.timeout,
    maxLag: options.lag,
    secret: options.secret,
    claimTtlMs: owners === null ? longestIdleMs(pool) : claimTtlMs(pool),
    store,
    table,
    fleet,
    counters,
    events,
    proofs: new RotationProofs(keys, name),
    newKeys: owners?.newKeys ?? null,
    storeUrlOf: (slot) => `${url}/${slot}`,
    now: () => unixSeconds(clock),
    wall: () => Math.floor(clock.wall() / 1000),
  };
}

/** null: there is no other balancer that has to know the owners of this pool's sessions. */
export function createSharedOwners(
  pool: PoolOptions,
  fleet: Fleet,
  {
    table,
    counters,
    clock,
    events,
    owners,
    missedMoves,
  }: Omit<ReplicationDependencies, 'keys' | 'copies'> & Pick<Shared, 'missedMoves'>,
): PoolParts['sharedOwners'] {
  if (owners === null) return null;
  const { options, store, newKeys } = owners;
  return {
    pool: pool.name,
    degrade: options.whenStoreLost === 'keep',
    timeoutMs: options.timeout,
    claimTtlMs: claimTtlMs(pool),
    store,
    table,
    fleet,
    counters,
    events,
    newKeys,
    missed: missedMoves,
    now: () => unixSeconds(clock),
  };
}

/** Milliseconds for which the store of a fleet records the owner of a session. */
export function claimTtlMs(pool: PoolOptions): number {
  return longestIdleMs(pool) * claimShare;
}

function longestIdleMs({ affinity }: PoolOptions): number {
  const idle = affinity.map((one) =>
    'idle' in one && typeof one.idle === 'number' && one.idle > 0 ? one.idle : longestClaimMs,
  );
  return Math.max(...idle);
}
