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
 * A new owner is provisional until it has taken a request (`accept`). Concurrent requests of the session go there too, but
 * when none of them is taken, the session is its former owner's again as soon as the last of them is over (`leave`): so an
 * outage in which no server answers moves nothing.
 *
 *      owner A ── claim, move ──> B, provisional ── accept ──> owner B
 *         ^                         │    └ claim ──> C, provisional ...
 *         └──────── leave ──────────┘
 *
 * In pools whose sessions have copies, the store has a word in it: of a session that the table does not know it is asked
 * first, and of a new owner it is told first: `session.storeState` says which, and replicator.ts does both.
 */
import type { Affinity, LearnedId } from '../affinity/affinity.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { type Claim, Entry, type SessionTable } from '../table/table.ts';
import type { Session, SessionView } from './session.ts';

/** Times that another worker may claim a session between our look and our claim before we go where it is now. */
const maxClaims = 4;

/** Seconds after its end in which a request of a session counts as one that was under way. */
export const lateTime = 10;

export class OwnerLookup {
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
    const { kind, hasId } = session.recognition;
    if (kind === 'fixed') return this.fleet.find(session.owner);
    if (this.copied && hasId) return this.findCopied(session, now);
    return kind === 'key' ? this.findNamed(session, now) : this.findToken(session, now);
  }

  /** Its exchange counts in the table as long as it lasts: such a session is not idle. */
  private findNamed(session: Session, now: number): Server | undefined | null {
    const { entry } = this;
    const look = session.counted
      ? this.table.find(this.keyOf(session), now, entry)
      : this.table.enter(this.keyOf(session), now, entry);
    if (look === 'live') {
      session.counted = true;
      return this.believe(session);
    }
    session.counted = false;
    return look === 'ended' ? this.disown(session) : null;
  }

  /** One that has a copy, or can have: its exchanges count, so that it can leave its server when none runs. */
  private findCopied(session: Session, now: number): Server | undefined | null {
    const { entry, table } = this;
    if (session.storeState === 'ended') return this.disown(session);
    const key = this.keyOf(session);
    const isToken = session.recognition.kind === 'token';
    const look = session.counted ? table.find(key, now, entry) : table.enter(key, now, entry, isToken);
    session.counted = look === 'live';
    session.former = 0;
    if (look === 'ended' && entry.ending) {
      session.onStore('record-ending');
      return null;
    }
    if (look === 'ended') {
      this.disown(session);
      session.endedRecently = now - entry.seen < lateTime;
      return null;
    }
    const named = isToken ? this.fleet.find(session.owner) : null;
    // What was read from a file may be older than the store.
    if (look !== 'live' || entry.unsure) {
      session.onStore('record-missing');
      if (look !== 'live' || session.storeState === 'must-query') return named;
    }
    session.version = entry.version;
    this.noteAnnounced(session, entry.claiming && entry.epoch >= session.epoch);
    session.former = entry.epoch >= session.epoch ? entry.former : 0;
    if (entry.epoch < session.epoch) {
      // The token has seen more than the table: another node's claim, or a table that was saved before it.
      if (named != null) table.claim(key, session.epoch - 1, named.slot, now, entry);
      return named;
    }
    if (entry.epoch === session.epoch && entry.server === named?.slot) return named;
    session.changeBinding('changed');
    return this.believe(session);
  }

  private disown(session: Session): null {
    session.disown();
    return null;
  }

  /** By the record that `entry` holds: whether the store has been told of the owner that it names. */
  private noteAnnounced(session: Session, isPending: boolean): void {
    session.onStore(isPending ? 'record-unannounced' : 'record-known');
  }

  private findToken(session: Session, now: number): Server | undefined {
    const { entry, table } = this;
    const key = this.keyOf(session);
    const named = this.fleet.find(session.owner);
    let look = session.counted ? 'none' : table.find(key, now, entry);
    // Whoever goes to an owner that has not taken a request yet has to be counted.
    if (session.counted || (look === 'live' && entry.former !== 0)) {
      look = session.counted ? table.find(key, now, entry) : table.enter(key, now, entry);
      session.counted = look === 'live';
    }
    session.former = 0;
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
    session.former = entry.former;
    if (entry.epoch === session.epoch && entry.server === named?.slot) return named;
    session.changeBinding('changed');
    return this.believe(session);
  }

  /** Gives a session that is nobody's to `server`; answers who has it now: of concurrent first requests one decides for all. */
  settle(session: Session, server: Server, now: number): Server | undefined {
    const { entry, table } = this;
    const lifetime = session.recognition.affinity?.lifetime ?? 0;
    const result = table.bind(this.keyOf(session), server.slot, now, entry, lifetime, 1, false, true);
    if (result === 'ended') return server;
    session.counted = result === 'bound' || table.enter(this.key, now, entry) === 'live';
    this.noteAnnounced(session, entry.claiming);
    if (entry.server === server.slot) {
      session.firstPlacement = true;
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
    const announce = this.copied && session.recognition.hasId;
    for (let tries = 0; tries < maxClaims; tries++) {
      const result = table.claim(key, session.epoch, server.slot, now, entry, this.claimOf(session, announce));
      if (result === 'claimed') session.counted = true;
      if (result === 'claimed' || result === 'lost') break;
      // Nothing is kept of a session that has ended: this exchange goes there, the next one anywhere.
      if (result === 'ended') return server;
      // Recorded as its token has it; one whose owner is of this pool no more is nobody's.
      const owner = this.fleet.find(session.owner)?.slot ?? this.fleet.slot;
      table.bind(
        key,
        owner,
        now,
        entry,
        session.recognition.affinity?.lifetime,
        session.epoch,
        session.recognition.kind === 'token',
      );
    }
    this.noteAnnounced(session, entry.claiming);
    session.changeBinding('changed');
    return this.follow(session, now);
  }

  /** `most`: exchanges of the session that may run when it leaves an owner that lives. */
  private claimOf({ counted }: SessionView, announce: boolean, most = Number.POSITIVE_INFINITY): Claim {
    return { provisional: true, counted: counted, moving: most !== Number.POSITIVE_INFINITY, announce, most };
  }

  /** Goes by what the table says after a claim, counted there if that owner is provisional. */
  private follow(session: Session, now: number): Server | undefined {
    if (this.entry.former !== 0 && !session.counted) {
      session.counted = this.table.enter(this.keyOf(session), now, this.entry) === 'live';
    }
    return this.believe(session);
  }

  /**
   * `server` has taken a request of the session, whose owner it was to become: it is, from now on. Unless others have given
   * it up meanwhile: then the client is told of no owner, or of the one that they have found.
   */
  accept(session: Session, server: Server, now: number): void {
    const { entry, table, counters } = this;
    const takeover = !(this.copied && session.recognition.hasId);
    const result = table.accept(this.keyOf(session), session.epoch, server.slot, now, entry, takeover);
    session.former = 0;
    if (result === 'accepted') counters.add(entry.moving ? counter.sessions_moved : counter.rebinds);
    if (result === 'gone') return;
    if (result === 'lost' && entry.former !== 0) session.changeBinding('withheld');
    else this.believe(session);
  }

  /**
   * As `claim`, while its owner lives: only of a session that has a copy, and of which nothing else runs. Answers who owns it
   * now; null: it has to stay.
   */
  move(session: Session, server: Server, now: number): Server | undefined | null {
    const { entry, table } = this;
    const how = this.claimOf(session, true, session.counted ? 1 : 0);
    const result = table.claim(this.keyOf(session), session.epoch, server.slot, now, entry, how);
    if (result !== 'claimed' && result !== 'lost') return null;
    if (result === 'claimed') session.counted = true;
    session.version = entry.version;
    this.noteAnnounced(session, entry.claiming);
    session.changeBinding('changed');
    return this.follow(session, now);
  }

  /**
   * The exchange is over. Answers the former owner, when the session is that one's again and the store, which had been told of
   * another one, has to hear of it: `session` is as the table has it then.
   */
  leave(session: Session, now: number): Server | null {
    if (!session.counted) return null;
    session.counted = false;
    const { entry } = this;
    if (!this.table.leave(this.keyOf(session), now, entry, this.copied && session.recognition.hasId)) return null;
    return this.believe(session) ?? null;
  }

  /** For what outlasts the times in a token: a session with an open tunnel is not idle. */
  hold(session: Session, now: number): void {
    if (!session.counted && session.recognition.kind === 'token') {
      session.counted = this.table.acquire(this.keyOf(session), now);
    }
  }

  /** What a response of `server` has said of names. */
  learn(learned: LearnedId, affinity: Affinity, session: SessionView, server: Server, now: number): void {
    const { entry, key, table } = this;
    if (learned.state === 'ended') {
      if (table.end(this.keyOf(session), now)) this.counters.add(counter.sessions_ended);
      return;
    }
    key.hi = learned.sid0;
    key.lo = learned.sid1;
    const result = table.bind(key, server.slot, now, entry, affinity.lifetime, 1, true);
    if (result === 'ended') return;
    if (result === 'bound') this.counters.add(counter.sessions_learned);
    if (learned.expires !== entry.expires) table.setExpires(key, learned.expires, now);
  }

  /** True: the table has an owner of the session, in `entry`. False: it was ended a moment ago. */
  private record(session: SessionView, server: Server, epoch: number, now: number): boolean {
    const lifetime = session.recognition.affinity?.lifetime ?? 0;
    const given = session.recognition.kind === 'token';
    return this.table.bind(this.keyOf(session), server.slot, now, this.entry, lifetime, epoch, given) !== 'ended';
  }

  /** The session goes by what the table says. */
  private believe(session: Session): Server | undefined {
    const server = this.fleet.at(this.entry.server);
    session.epoch = this.entry.epoch;
    session.former = this.entry.former;
    session.owner = server?.id ?? 0;
    return server;
  }

  private keyOf(session: SessionView): { hi: number; lo: number } {
    const { sid0, sid1 } = session.recognition;
    this.key.hi = sid0;
    this.key.lo = sid1;
    return this.key;
  }
}
