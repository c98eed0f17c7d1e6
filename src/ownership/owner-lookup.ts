/**
 * Finds the owner of a session. What the request carries is compared with the table that all workers share; the higher epoch is
 * right.
 *
 *      kind    in the table                              not in the table
 *      token   the higher epoch of the two names it      the token names it, and is recorded
 *      key     the record names it                       no owner yet: the first `assign` of all workers decides
 *      hash    never looked up: hashing among all servers of the pool
 *      fixed   never looked up: the config or a person names the server
 *
 * owner-claims.ts changes the owner. In pools whose sessions have copies, the store is queried about a session that the table does not
 * have, and a new owner is announced to it first (`session.storeState`, owner-queries.ts). With several balancers the owners of all
 * sessions are announced, and a token that is not in the table counts unless it is older than the moves that this balancer knows.
 */
import type { Affinity, LearnedId } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { recentEndSeconds, type Session, type SessionView } from './session.ts';
import type { SessionRecord } from './session-record.ts';

/** Which moves of sessions by other balancers this one knows. */
export interface MissedMoves {
  /** It knows all since then: `seen`, Unix seconds. */
  covers(seen: number): boolean;
}

/** A response of `server` has ended the session. */
type OnEnded = (session: SessionView, server: Server) => void;

export class OwnerLookup {
  private readonly record: SessionRecord;
  private readonly counters: Counters;
  private readonly onEnded: OnEnded;
  private readonly missed: MissedMoves;

  constructor(
    record: SessionRecord,
    counters: Counters,
    onEnded: OnEnded = () => {},
    missed: MissedMoves = { covers: () => true },
  ) {
    this.record = record;
    this.counters = counters;
    this.onEnded = onEnded;
    this.missed = missed;
  }

  /**
   * The owner of a recognised session, which gets its epoch; undefined: the owner has left the pool. null: the session has no owner
   * yet (`assign` one), or it has ended and is no longer recognised. Not for kind `hash`.
   */
  find(session: Session, now: number): Server | undefined | null {
    const owner = this.findOwner(session, now);
    // The token may name it by an id under a former key: the session's next one is signed with the present key.
    if (owner != null) session.owner = owner.tokenId;
    return owner;
  }

  private findOwner(session: Session, now: number): Server | undefined | null {
    const { record } = this;
    const { kind } = session.recognition;
    if (kind === 'fixed') return record.fleet.find(session.owner);
    if (record.isCopied(session)) return this.findCopied(session, now);
    return kind === 'key' ? this.findNamed(session, now) : this.findToken(session, now);
  }

  /** The exchange counts in the table as long as it lasts: the session is not idle. */
  private findNamed(session: Session, now: number): Server | undefined | null {
    const { record } = this;
    const key = record.keyOf(session);
    const look = session.counted
      ? record.table.find(key, now, record.entry)
      : record.table.enter(key, now, record.entry);
    session.counted = look === 'live';
    if (look === 'live') {
      if (record.isAnnounced(session) && this.mustAsk(session)) return null;
      return record.apply(session);
    }
    if (look === 'ended') session.disown();
    return null;
  }

  /** The token is not older than the moves that this balancer knows. One without a date never names a later owner. */
  private isCurrent({ recognition: { seen } }: Session): boolean {
    return seen !== 0 && this.missed.covers(seen);
  }

  /** The table has the session, and its owner is known to the store, or has to be. True: the store is asked first. */
  private mustAsk(session: Session): boolean {
    const { record } = this;
    const { entry } = record;
    if (entry.unsure) session.onStore('record-missing');
    if (session.storeState === 'must-query') return true;
    record.applyAnnounced(session, entry.claiming && entry.epoch >= session.epoch);
    return false;
  }

  /** A session that has a copy, or can have one. Its exchanges count, so that it leaves its server only when no other runs. */
  private findCopied(session: Session, now: number): Server | undefined | null {
    const { record } = this;
    const { entry, fleet, table } = record;
    if (session.storeState === 'ended') {
      session.disown(session.endedRecently);
      return null;
    }
    const key = record.keyOf(session);
    const isToken = session.recognition.kind === 'token';
    const wasLive = session.counted;
    const look = wasLive ? table.find(key, now, entry) : table.enter(key, now, entry, isToken);
    session.counted = look === 'live';
    session.former = 0;
    if (look === 'ended') {
      if (entry.ending) session.onStore('record-ending');
      else session.disown(wasLive || now - entry.seen < recentEndSeconds);
      return null;
    }
    const named = isToken ? fleet.find(session.owner) : null;
    // A record that was read from a file may be older than what the store has.
    if (look !== 'live' || entry.unsure) {
      session.onStore('record-missing');
      if (look !== 'live' || session.storeState === 'must-query') return named;
    }
    session.version = entry.version;
    record.applyAnnounced(session, entry.claiming && entry.epoch >= session.epoch);
    session.former = entry.epoch >= session.epoch ? entry.former : 0;
    return this.newerOf(session, named, now);
  }

  private findToken(session: Session, now: number): Server | undefined | null {
    const { record } = this;
    const { entry, table } = record;
    const key = record.keyOf(session);
    const named = record.fleet.find(session.owner);
    let look = session.counted ? 'none' : table.find(key, now, entry);
    // An exchange that goes to a provisional owner has to be counted.
    if (session.counted || (look === 'live' && entry.former !== 0)) {
      look = session.counted ? table.find(key, now, entry) : table.enter(key, now, entry);
      session.counted = look === 'live';
    }
    session.former = 0;
    const isAnnounced = record.isAnnounced(session);
    if (look !== 'live') {
      if (look === 'ended') return named;
      if (isAnnounced && !this.isCurrent(session)) {
        session.onStore('record-missing');
        if (session.storeState === 'must-query') return named;
      }
      // The client has come back: the session counts among its server's sessions from now on.
      if (named !== undefined) record.bindAsNamed(session, named.slot, now);
      return named;
    }
    if (isAnnounced && this.mustAsk(session)) return named;
    if (entry.epoch >= session.epoch) {
      if (entry.seen !== now) table.touch(key, now);
      session.former = entry.former;
    }
    return this.newerOf(session, named, now);
  }

  /** The server of the higher epoch: the one that the token names (null: there is no token), or the one in the record. */
  private newerOf(session: Session, named: Server | undefined | null, now: number): Server | undefined | null {
    const { record } = this;
    const { entry } = record;
    if (entry.epoch < session.epoch) {
      // The token is newer than the table: another node has claimed the session, or the table was saved before the claim.
      if (named != null) record.table.claim(record.keyOf(session), session.epoch - 1, named.slot, now, entry);
      return named;
    }
    if (entry.epoch === session.epoch && entry.server === named?.slot) return named;
    session.changeBinding('changed');
    return record.apply(session);
  }

  /** Makes `server` the first owner. Returns the owner that the session has: of concurrent first requests one decides for all. */
  assign(session: Session, server: Server, now: number): Server | undefined {
    const { record } = this;
    const { entry, table } = record;
    const key = record.keyOf(session);
    const lifetime = session.recognition.affinity?.lifetime ?? 0;
    const announce = record.announcesFirst(session);
    const result = table.bind(key, server.slot, now, entry, lifetime, 1, false, true, announce);
    if (result === 'ended') return server;
    session.counted = result === 'bound' || table.enter(key, now, entry) === 'live';
    record.applyAnnounced(session);
    if (entry.server === server.slot) {
      session.firstPlacement = true;
      this.counters.add(counter.sessions_adopted);
    }
    return record.apply(session);
  }

  /** Records what a response of `server` has said about session ids. False: the table has that already, and so has the store. */
  learn(learned: LearnedId, affinity: Affinity, session: SessionView, server: Server, now: number): boolean {
    const { entry, table } = this.record;
    if (learned.state === 'ended') {
      if (!table.end(this.record.keyOf(session), now)) return false;
      this.counters.add(counter.sessions_ended);
      this.onEnded(session, server);
      return true;
    }
    const key = this.record.keyOfWords(learned.sid0, learned.sid1);
    const announce = this.record.recorded.owners;
    const result = table.bind(key, server.slot, now, entry, affinity.lifetime, 1, true, false, announce);
    if (result === 'ended') return false;
    if (result === 'bound') this.counters.add(counter.sessions_learned);
    if (learned.expires !== entry.expires) table.setExpires(key, learned.expires, now);
    return result === 'bound' || entry.claiming;
  }
}
