/**
 * Follows what other balancers do with sessions (store/redis-moves.ts) in the table of this one: their new owners, and their ends. When
 * something may have been missed, the sessions of the table are not believed any more until the store was asked about each.
 */
import type { SessionEvents } from '../events/session-events.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { refOfId } from '../ownership/session-ref.ts';
import { TableUpdates } from '../ownership/table-updates.ts';
import type { MissedMoves } from '../shared/missed-moves.ts';
import type { Move, MovesListener } from '../store/redis-moves.ts';
import { doubtAll } from '../table/doubt.ts';
import type { SessionTable } from '../table/table.ts';
import { type Clock, unixSeconds } from '../time/clock.ts';
import type { FollowedPool } from './followed-pools.ts';

export interface MoveFollowerDependencies {
  readonly table: SessionTable;
  readonly counters: Counters;
  readonly missed: MissedMoves;
  readonly clock: Clock;
  readonly events: SessionEvents;
  readonly log: { warn(message: string): void };
}

/** Seconds by which the dates of tokens, and the clock of the store, may differ from ours. */
const clockSlack = 120;

interface PoolUpdates {
  readonly updates: TableUpdates;
  /** Of the sessions of its cookie; null: it has none, and a name that is not in the table is looked up in the store anyway. */
  readonly lifetime: number | null;
}

export class MoveFollower implements Pick<MovesListener, 'onMoves' | 'onMissed'> {
  private readonly deps: MoveFollowerDependencies;
  private pools: ReadonlyMap<string, PoolUpdates> = new Map();

  constructor(deps: MoveFollowerDependencies) {
    this.deps = deps;
  }

  /** Another config is in force. */
  follow(pools: readonly FollowedPool[]): void {
    const { table, counters, clock, events } = this.deps;
    const now = () => unixSeconds(clock);
    this.pools = new Map(
      pools.map(({ name, fleet, cookie }) => {
        const updates = new TableUpdates({ table, fleet, counters, events, now });
        return [name, { updates, lifetime: cookie }];
      }),
    );
  }

  onMoves(pool: string, moves: readonly Move[]): void {
    const found = this.pools.get(pool);
    if (found === undefined) return;
    for (const move of moves) this.apply(found, pool, move);
    this.deps.counters.add(counter.moves_told, moves.length);
  }

  private apply({ updates, lifetime }: PoolUpdates, pool: string, { id, epoch, owner, isRotated }: Move): void {
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
}
