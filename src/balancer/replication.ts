/** What a replicator of a pool needs, made from the options of the pool: workers and the store interface have one each. */
import type { PoolOptions, SessionsOptions } from '../config/options.ts';
import type { SessionEvents } from '../events/session-events.ts';
import type { Fleet } from '../fleet/fleet.ts';
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

export interface ReplicationDependencies {
  readonly table: Shared['table'];
  readonly counters: Shared['counters'];
  readonly clock: Clock;
  readonly events: SessionEvents;
  readonly keys: readonly Buffer[];
  /** null: no copies are kept. */
  readonly copies: CopySource | null;
}

/** A store that keeps nothing of a session but its owner forgets the owner after this long (ms) when the session has no idle time. */
const longestClaimMs = 24 * 3_600_000;

/** null: this pool has no copies. */
export function createReplication(
  { name, sessions, affinity }: PoolOptions,
  fleet: Fleet,
  { table, counters, clock, events, keys, copies }: ReplicationDependencies,
): PoolParts['copies'] {
  if (!sessions || copies === null) return null;
  const { options, store, url } = copies;
  const idle = affinity.map((one) =>
    'idle' in one && typeof one.idle === 'number' && one.idle > 0 ? one.idle : longestClaimMs,
  );
  return {
    pool: name,
    replication: options.replication,
    degrade: options.whenStoreFails === 'degrade',
    timeoutMs: options.timeout,
    maxLag: options.lag,
    secret: options.secret,
    claimTtlMs: Math.max(...idle),
    store,
    table,
    fleet,
    counters,
    events,
    proofs: new RotationProofs(keys, name),
    storeUrlOf: (slot) => `${url}/${slot}`,
    now: () => unixSeconds(clock),
    wall: () => Math.floor(clock.wall() / 1000),
  };
}
