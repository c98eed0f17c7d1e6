/**
 * Who owns which session: what a request carries is held against the table that all workers share, and the higher epoch
 * is right. Only here do sessions meet records, and servers their numbers.
 *
 *      kind    in the table                              not in the table
 *      token   the higher epoch of the two names it      the token names it, and is recorded
 *      key     the record names it                       nobody's yet: the first `settle` of all workers decides
 *      hash    never looked up: hashing among all servers of the pool
 *      fixed   never looked up: a person has said it
 *
 * In pools whose sessions have copies, the store has a word in it: of a session that the table does not know it is asked
 * first (`session.unknown`), and of a new owner it is told first (`session.claiming`); copies.ts does both.
 */
import type { Affinity, Lesson, Session } from '../affinity/affinity.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { Entry, type SessionTable } from '../table/table.ts';

/** Times that another worker may claim a session between our look and our claim before we go where it is now. */
const maxClaims = 4;

/** Seconds after its end in which a request of a session counts as one that was under way. */
export const lateTime = 10;

export class Owners {
  private readonly table: SessionTable;
  private readonly fleet: Fleet;
  private readonly counters: Counters;
  /** Sessions have copies. */
  private readonly copied: boolean;
  private readonly key = { hi: 0, lo: 0 };
  private readonly entry = new Entry();

  constructor(table: SessionTable, fleet: Fleet, counters: Counters, copied = false) {
    this.copied = copied;
    this.table = table;
    this.fleet = fleet;
    this.counters = counters;
  }

  /**
   * The owner of a recognised session, which learns its epoch; undefined: it is of this pool no more. null: the session is
   * nobody's yet, `settle` it; or the app has ended it, and it is recognised no more. Not for kind `hash`.
   */
  find(session: Session, now: number): Server | undefined | null {
    if (session.kind === 'fixed') return this.fleet.find(session.owner);
    if (this.copied && session.hasId) return this.findCopied(session, now);
    return session.kind === 'key' ? this.findNamed(session, now) : this.findToken(session, now);
  }

  /** Its exchange counts in the table as long as it lasts: such a session is not idle. */
  private findNamed(session: Session, now: number): Server | undefined | null {
    const { entry } = this;
    const look = session.entered
      ? this.table.find(this.keyOf(session), now, entry)
      : this.table.enter(this.keyOf(session), now, entry);
    if (look === 'live') {
      session.entered = true;
      return this.believe(session);
    }
    session.entered = false;
    return look === 'ended' ? this.estrange(session) : null;
  }

  /** One that has a copy, or can have: its exchanges count, so that it can leave its server when none runs. */
  private findCopied(session: Session, now: number): Server | undefined | null {
    const { entry, table } = this;
    const key = this.keyOf(session);
    const look = session.entered ? table.find(key, now, entry) : table.enter(key, now, entry);
    session.entered = look === 'live';
    session.unknown = false;
    session.ending = look === 'ended' && entry.ending;
    if (session.ending) return null;
    if (look === 'ended') {
      this.estrange(session);
      session.late = now - entry.seen < lateTime;
      return null;
    }
    const named = session.kind === 'token' ? this.fleet.find(session.owner) : null;
    // What was read from a file may be older than the store.
    if (look !== 'live' || (entry.unsure && !session.asked && !session.alone)) {
      session.unknown = true;
      return named;
    }
    session.version = entry.version;
    session.claiming = entry.claiming && entry.epoch >= session.epoch;
    if (entry.epoch < session.epoch) {
      // The token has seen more than the table: another node's claim, or a table that was saved before it.
      if (named != null) table.claim(key, session.epoch - 1, named.slot, now, entry);
      return named;
    }
    if (entry.epoch === session.epoch && entry.server === named?.slot) return named;
    session.changed = true;
    return this.believe(session);
  }

  /** It has ended: a stranger from now on, whom hashing policies still spread by the name. */
  private estrange(session: Session): null {
    const { key } = session;
    session.clear();
    session.key = key;
    return null;
  }

  private findToken(session: Session, now: number): Server | undefined {
    const { entry, table } = this;
    const key = this.keyOf(session);
    const named = this.fleet.find(session.owner);
    const look = table.find(key, now, entry);
    if (look !== 'live') {
      // It came back: from now on it counts among its server's sessions.
      if (look !== 'ended' && named !== undefined) this.record(session, named, session.epoch, now);
      return named;
    }
    if (entry.epoch < session.epoch) {
      // The token has seen more than the table: another node's claim, or a table that was saved before it.
      if (named !== undefined) table.claim(key, session.epoch - 1, named.slot, now, entry);
      return named;
    }
    if (entry.seen !== now) table.touch(key, now);
    if (entry.epoch === session.epoch && entry.server === named?.slot) return named;
    session.changed = true;
    return this.believe(session);
  }

  /** Gives a session that is nobody's to `server`; answers who has it now: of concurrent first requests one decides for all. */
  settle(session: Session, server: Server, now: number): Server | undefined {
    const { entry } = this;
    if (!this.record(session, server, 1, now)) return server;
    session.entered = this.table.acquire(this.key, now);
    session.claiming = entry.claiming;
    if (entry.server === server.slot) {
      session.fresh = true;
      this.counters.add(counter.sessions_adopted);
    }
    return this.believe(session);
  }

  /**
   * Makes `server` the owner from the next epoch on, unless another exchange has just made another one that: answers who
   * owns it now.
   */
  claim(session: Session, server: Server, now: number): Server | undefined {
    const { entry, table } = this;
    const key = this.keyOf(session);
    const announce = this.copied && session.hasId;
    for (let tries = 0; tries < maxClaims; tries++) {
      const result = table.claim(key, session.epoch, server.slot, now, entry, announce);
      if (result === 'claimed' || result === 'lost') break;
      // Nothing is kept of a session that has ended: this exchange goes there, the next one anywhere.
      if (result === 'ended') return server;
      // One that has to be announced is nobody's until it is.
      if (announce) table.bind(key, this.fleet.slot, now, entry, session.affinity?.lifetime, session.epoch);
      else if (this.record(session, server, session.epoch + 1, now)) break;
    }
    session.claiming = entry.claiming;
    session.changed = true;
    return this.believe(session);
  }

  /**
   * As `claim`, while its owner lives: only of a session that has a copy, and of which nothing else runs. Answers who owns it
   * now; null: it has to stay.
   */
  move(session: Session, server: Server, now: number): Server | undefined | null {
    const { entry, table } = this;
    const most = session.entered ? 1 : 0;
    const result = table.claim(this.keyOf(session), session.epoch, server.slot, now, entry, true, most);
    if (result !== 'claimed' && result !== 'lost') return null;
    session.version = entry.version;
    session.claiming = entry.claiming;
    session.changed = true;
    return this.believe(session);
  }

  /** The exchange is over. */
  leave(session: Session, now: number): void {
    if (!session.entered) return;
    session.entered = false;
    this.table.leave(this.keyOf(session), now);
  }

  /** For what outlasts the times in a token: a session with an open tunnel is not idle. */
  hold(session: Session, now: number): void {
    if (!session.entered && session.kind === 'token') {
      session.entered = this.table.acquire(this.keyOf(session), now);
    }
  }

  /** What a response of `server` has said of names. */
  learn(lesson: Lesson, affinity: Affinity, session: Session, server: Server, now: number): void {
    const { entry, key, table } = this;
    if (lesson.verdict === 'ended') {
      if (table.end(this.keyOf(session), now)) this.counters.add(counter.sessions_ended);
      return;
    }
    key.hi = lesson.sid0;
    key.lo = lesson.sid1;
    const result = table.bind(key, server.slot, now, entry, affinity.lifetime);
    if (result === 'ended') return;
    if (result === 'bound') this.counters.add(counter.sessions_learned);
    if (lesson.expires !== entry.expires) table.setExpires(key, lesson.expires, now);
  }

  /** True: the table has an owner of the session, in `entry`. False: it was ended a moment ago. */
  private record(session: Session, server: Server, epoch: number, now: number): boolean {
    const lifetime = session.affinity?.lifetime ?? 0;
    return this.table.bind(this.keyOf(session), server.slot, now, this.entry, lifetime, epoch) !== 'ended';
  }

  /** The session goes by what the table says. */
  private believe(session: Session): Server | undefined {
    const server = this.fleet.at(this.entry.server);
    session.epoch = this.entry.epoch;
    session.owner = server?.id ?? 0;
    return server;
  }

  private keyOf(session: Session): { hi: number; lo: number } {
    this.key.hi = session.sid0;
    this.key.lo = session.sid1;
    return this.key;
  }
}
