/**
 * Follows what other balancers do with sessions (store/redis-moves.ts) in the table of this one: their new owners, and their ends. When
 * something may have been missed, the sessions of the table are not believed any more until the store was asked about each.
 */
import { descriptorOf } from '../affinity/registry.ts';
import { createFleet, type IdKeys, idKeysOf } from '../balancer/fleets.ts';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import type { SessionEvents } from '../events/session-events.ts';
import type { Load } from '../fleet/load.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { refOfId } from '../ownership/session-ref.ts';
import { TableUpdates } from '../ownership/table-updates.ts';
import type { MissedMoves } from '../shared/missed-moves.ts';
import { kindName, type Numbers } from '../shared/slots.ts';
import type { Move, MovesListener } from '../store/redis-moves.ts';
import { doubtAll } from '../table/doubt.ts';
import type { SessionTable } from '../table/table.ts';
import { type Clock, unixSeconds } from '../time/clock.ts';

export interface MoveFollowerDependencies {
  readonly table: SessionTable;
  readonly load: Load;
  readonly tableSecret: Buffer;
  readonly counters: Counters;
  readonly missed: MissedMoves;
  readonly clock: Clock;
  readonly events: SessionEvents;
  readonly log: { warn(message: string): void };
}

/** Seconds by which the dates of tokens, and the clock of the store, may differ from ours. */
const clockSlack = 120;

interface FollowedPool {
  readonly updates: TableUpdates;
  /** Of the sessions of its cookie; null: it has none, and a name that is not in the table is looked up in the store anyway. */
  readonly lifetime: number | null;
}

export class MoveFollower implements Pick<MovesListener, 'onMoves' | 'onMissed'> {
  private readonly deps: MoveFollowerDependencies;
  private pools: ReadonlyMap<string, FollowedPool> = new Map();

  constructor(deps: MoveFollowerDependencies) {
    this.deps = deps;
  }

  /** Another config is in force. */
  follow(options: LimpetOptions, numbers: Numbers): void {
    const idKeys = idKeysOf(options, this.deps.tableSecret);
    this.pools = new Map(options.pools.map((pool) => [pool.name, this.poolOf(pool, idKeys, numbers)]));
  }

  onMoves(pool: string, moves: readonly Move[]): void {
    const found = this.pools.get(pool);
    if (found === undefined) return;
    for (const move of moves) this.apply(found, pool, move);
    this.deps.counters.add(counter.moves_told, moves.length);
  }

  private apply({ updates, lifetime }: FollowedPool, pool: string, { id, epoch, owner, isRotated }: Move): void {
    const ref = { ...refOfId(pool, id, lifetime ?? 0), given: true };
    if (lifetime === null && updates.find(ref) === 'none') return;
    if (owner === null) updates.noteEnded(ref, isRotated ? 0 : undefined);
    else updates.applyOwner(ref, epoch, owner);
  }

  onMissed(pool: string, until: number): void {
    const { clock, counters, log, missed, table } = this.deps;
    counters.add(counter.moves_missed);
    log.warn(
      `moves of sessions of pool ${pool} by other balancers may be missing here: the store is asked about each session (fleet.history)`,
    );
    missed.miss(Math.ceil(until / 1000) + clockSlack);
    void doubtAll(table, unixSeconds(clock));
  }

  private poolOf(pool: PoolOptions, idKeys: IdKeys, numbers: Numbers): FollowedPool {
    const { table, load, counters, clock, events } = this.deps;
    const fleet = createFleet(pool, { load, numbers, idKeys });
    const cookie = pool.affinity.find((affinity) => hasTokens(affinity));
    return {
      updates: new TableUpdates({ table, fleet, counters, events, now: () => unixSeconds(clock) }),
      lifetime: cookie === undefined ? null : (numbers.lifetimes.get(kindName(pool.name, cookie)) ?? 0),
    };
  }
}

/** Its sessions name their owner themselves, and may be unknown to the table. */
export function hasTokens(affinity: PoolOptions['affinity'][number]): boolean {
  const { issuesTokens, withoutEpoch } = descriptorOf(affinity);
  return issuesTokens === true || withoutEpoch === true;
}
