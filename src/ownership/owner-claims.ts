/**
 * Changes the owner of a session. A new owner is provisional until it has taken a request (`accept`). Concurrent requests of the
 * session go to it as well. When it takes none of them, the session belongs to its former owner again as soon as the last of them is
 * over (`leave`): an outage in which no server answers moves no session.
 *
 *      owner A ── claim, move ──> B, provisional ── accept ──> owner B
 *         ^                         │    └ claim ──> C, provisional ...
 *         └──────── leave ──────────┘
 */
import type { OwnerChangeName } from '../events/session-events.ts';
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Claim } from '../table/table.ts';
import type { Session, SessionView } from './session.ts';
import type { SessionRecord } from './session-record.ts';

/** Tries to claim a session while other workers change its record; then the exchange goes to the owner in the record. */
const maxClaims = 4;

export class OwnerClaims {
  private readonly record: SessionRecord;
  private readonly counters: Counters;

  constructor(record: SessionRecord, counters: Counters) {
    this.record = record;
    this.counters = counters;
  }

  /**
   * Makes `server` the owner from the next epoch on, unless another exchange has just chosen another one. Returns the owner
   * that the session now has.
   */
  claim(session: Session, server: Server, now: number): Server | undefined {
    const { record } = this;
    const { entry, fleet, table } = record;
    const announce = record.isAnnounced(session);
    for (let tries = 0; tries < maxClaims; tries++) {
      const claim = claimOf(session, announce);
      const result = table.claim(record.keyOf(session), session.epoch, server.slot, now, entry, claim);
      if (result === 'claimed') session.counted = true;
      if (result === 'claimed' || result === 'lost') break;
      // The table keeps no owner of a session that has ended: this exchange goes to `server`, the next one to any.
      if (result === 'ended') return server;
      // The table does not have it: recorded as the token says, or with no owner when that server has left the pool.
      record.bindAsNamed(session, fleet.find(session.owner)?.slot ?? fleet.slot, now);
    }
    return this.follow(session, now);
  }

  /**
   * As `claim`, while the owner is up: only for a session that has a copy and no other running request. Returns the owner that it
   * now has; null: it has to stay.
   */
  move(session: Session, server: Server, now: number): Server | undefined | null {
    const { record } = this;
    const { entry, table } = record;
    const claim = claimOf(session, true, session.counted ? 1 : 0);
    const result = table.claim(record.keyOf(session), session.epoch, server.slot, now, entry, claim);
    if (result !== 'claimed' && result !== 'lost') return null;
    if (result === 'claimed') session.counted = true;
    session.version = entry.version;
    return this.follow(session, now);
  }

  /** The session takes over what the table has after a claim, and is counted there if the owner is provisional. */
  private follow(session: Session, now: number): Server | undefined {
    const { record } = this;
    const { entry } = record;
    record.applyAnnounced(session);
    session.changeBinding('changed');
    if (entry.former !== 0 && !session.counted) {
      session.counted = record.table.enter(record.keyOf(session), now, entry) === 'live';
    }
    return record.apply(session);
  }

  /**
   * `server`, the provisional owner, has taken a request of the session: it is the owner from now on. If other exchanges have made
   * another server the owner meanwhile, the client gets no owner with this response, or that one. Returns how the session has come
   * to its owner; null: not by this response.
   */
  accept(session: Session, server: Server, now: number): OwnerChangeName | null {
    const { record, counters } = this;
    const { entry } = record;
    const takeover = !record.isAnnounced(session);
    const result = record.table.accept(record.keyOf(session), session.epoch, server.slot, now, entry, takeover);
    session.former = 0;
    const { moving } = entry;
    if (result === 'accepted') counters.add(moving ? counter.sessions_moved : counter.rebinds);
    if (result === 'gone') return null;
    if (result === 'lost' && entry.former !== 0) session.changeBinding('withheld');
    else record.apply(session);
    if (result !== 'accepted') return null;
    return moving ? 'session.moved' : 'session.rescued';
  }

  /**
   * The exchange is over. Returns the former owner when it owns the session again and the store has recorded another one: then the
   * store has to be corrected, with what `session` now has.
   */
  leave(session: Session, now: number): Server | null {
    if (!session.counted) return null;
    session.counted = false;
    const { record } = this;
    if (!record.table.leave(record.keyOf(session), now, record.entry, record.isAnnounced(session))) return null;
    return record.apply(session) ?? null;
  }

  /** A tunnel may last longer than the times in the token allow: a session that has one is not idle. */
  countTunnel(session: Session, now: number): void {
    const { record } = this;
    if (session.counted || session.recognition.kind !== 'token') return;
    session.counted = record.table.acquire(record.keyOf(session), now);
  }
}

/** `most`: the exchanges of the session that may run when it leaves an owner that is up. */
function claimOf({ counted }: SessionView, announce: boolean, most = Number.POSITIVE_INFINITY): Claim {
  return { provisional: true, counted, moving: most !== Number.POSITIVE_INFINITY, announce, most };
}
