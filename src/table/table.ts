/**
 * The session table: which server owns which session, shared by all threads. It knows sessions by fingerprints and servers by
 * numbers; callers translate them (fingerprint.ts, numbers.ts).
 *
 * Reading takes no lock and writing locks one page for some 100 ns (pages.ts says how). What `find`, `bind`, `claim`
 * and the others answer is one state of the session at one moment, never a mixture of two.
 */
import { boundTombstones, makeRoom } from './evict.ts';
import {
  claiming,
  copied,
  ending,
  firstPageWord,
  given,
  header,
  lifetimeShift,
  magic,
  maxLifetimes,
  maxServers,
  maxWriters,
  nobody,
  plannedPerPage,
  proved,
  record,
  serverMask,
  stepsMask,
  tableBytes,
  tombstone,
  unsure,
  version,
} from './layout.ts';
import { type Fingerprint, Pages } from './pages.ts';
import { Entry, type Lookup, Records } from './records.ts';
import { recover } from './recover.ts';

export { Entry, type Lookup } from './records.ts';

/** How long sessions of one kind live. Seconds; 0 for no limit. */
export interface Lifetime {
  /** Since the session was last seen. A session in flight is not idle. */
  readonly idle: number;
  /** Since it was born. */
  readonly absolute: number;
}

export interface TableOptions {
  /** Sessions that must fit. The table has room for 1.4 times as many, and evicts when a page of it is full. */
  readonly capacity: number;
  /** A session has the index of its lifetime in this list. Default: 256, all without a limit until `setLifetime` (lifetimes.ts). */
  readonly lifetimes?: readonly Lifetime[];
  /** Server numbers 1 to `servers` can be used. Default 1023, at most 65,535. */
  readonly servers?: number;
  /** Seconds for which a session that was ended cannot be bound again. Default 60. */
  readonly tombstoneTime?: number;
}

/** Counters since the table was created. */
export interface TableCounters {
  readonly bound: number;
  readonly claimed: number;
  readonly ended: number;
  readonly expired: number;
  /** Live sessions that were evicted because their page was full. */
  readonly evicted: number;
  /** Claims that were returned, because the server took no request. */
  readonly returned: number;
}

/** Options of a claim. */
export interface Claim {
  /**
   * The server has not taken a request of the session yet: until `accept`, the session may go back to its former owner.
   * The exchange that claims is counted, unless it was before (`counted`), so that `leave` knows when no exchange is left.
   */
  readonly provisional: boolean;
  readonly counted: boolean;
  /** The former owner is up. */
  readonly moving: boolean;
  /** The store has to record it, too: the session is `claiming` until `confirm`. */
  readonly announce: boolean;
  /** When more exchanges of the session than this are open, the result is 'busy', and nothing changes. */
  readonly most: number;
}

/** For a claim that is known from another node, or from a token with a higher epoch: the server owns the session. */
export const settledClaim: Claim = {
  provisional: false,
  counted: false,
  moving: false,
  announce: false,
  most: Number.POSITIVE_INFINITY,
};

const unlimited: readonly Lifetime[] = Array.from({ length: maxLifetimes }, () => ({ idle: 0, absolute: 0 }));

export class SessionTable {
  readonly buffer: SharedArrayBuffer;
  readonly pages: Pages;
  readonly records: Records;
  /** Highest server number. */
  readonly servers: number;
  private readonly words: Int32Array<SharedArrayBuffer>;

  private constructor(buffer: SharedArrayBuffer, writer: number) {
    if (!(writer >= 0 && writer < maxWriters)) throw new RangeError(`writer ${writer} is not 0 to ${maxWriters - 1}`);
    const words = new Int32Array(buffer);
    this.buffer = buffer;
    this.words = words;
    this.servers = words[header.servers]!;
    this.pages = new Pages(words, firstPageWord(this.servers), words[header.pages]!, writer);
    this.records = new Records(this.pages);
  }

  /** Creates an empty table; this thread is writer 0. Throws RangeError for options out of range. */
  static create(options: TableOptions): SessionTable {
    const { capacity, lifetimes = unlimited, servers = 1023, tombstoneTime = 60 } = options;
    const pages = Math.ceil(capacity / plannedPerPage);
    if (!(pages >= 1)) throw new RangeError(`a table for ${capacity} sessions`);
    if (!(servers >= 1 && servers <= maxServers)) throw new RangeError(`${servers} server numbers`);
    if (lifetimes.length < 1 || lifetimes.length > maxLifetimes) throw new RangeError(`${lifetimes.length} lifetimes`);
    const buffer = new SharedArrayBuffer(tableBytes(servers, pages));
    const words = new Int32Array(buffer);
    words[header.version] = version;
    words[header.pages] = pages;
    words[header.servers] = servers;
    words[header.lifetimes] = lifetimes.length;
    words[header.tombstoneTime] = tombstoneTime;
    for (const [n, { idle, absolute }] of lifetimes.entries()) words.set([idle, absolute], header.lifetime + 2 * n);
    Atomics.store(words, header.magic, magic);
    return new SessionTable(buffer, 0);
  }

  /** The same table on another thread. `writer` is that thread's number, 1 to 254: no two running threads have the same. */
  static attach(buffer: SharedArrayBuffer, writer: number): SessionTable {
    const words = new Int32Array(buffer);
    if (Atomics.load(words, header.magic) !== magic || words[header.version] !== version) {
      throw new RangeError('the buffer holds no session table of this version');
    }
    return new SessionTable(buffer, writer);
  }

  /** Fills `out` with what is known of the session. `now` is Unix seconds, here and everywhere. */
  find(key: Fingerprint, now: number, out: Entry): Lookup {
    const { pages } = this;
    const page = pages.pageOf(key);
    for (let tries = 0; ; tries++) {
      const before = pages.version(page);
      if (before >= 0) {
        const at = pages.probe(page, key);
        if (at <= 0 || pages.confirm(at, key)) {
          const lookup = this.records.read(at, now, out);
          if (pages.version(page) === before) return lookup;
        }
      }
      pages.pause(page, tries);
    }
  }

  /**
   * Makes `server` the owner unless the session has one. When several threads bind a session at the same time, one gets 'bound'; the
   * others get 'held', and the owner in `out`. 'ended': the session has ended a moment ago. The epoch is `epoch` (of a token with a
   * higher epoch than the table), or one more than that of an expired record. `isGiven`: the app or Limpet gave the client its name,
   * now or before; this is also recorded for a session that is held already. `provisional`: until `accept` the session may lose its
   * owner again, as after a provisional claim; the exchange is counted. `announce`: the store has to record it, too: the session is
   * `claiming` until `confirm`.
   */
  bind(
    key: Fingerprint,
    server: number,
    now: number,
    out: Entry,
    lifetime = 0,
    epoch = 1,
    isGiven = false,
    provisional = false,
    announce = false,
  ): 'bound' | 'held' | 'ended' {
    this.check(server, lifetime);
    const seen = this.find(key, now, out);
    if (seen === 'live' && (out.given || !isGiven)) return 'held';
    if (seen === 'ended') return 'ended';
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    let at = pages.probe(page, key);
    const lookup = records.read(at, now, out);
    if (lookup === 'live' || lookup === 'ended') {
      if (lookup === 'live' && isGiven) {
        pages.set(at, record.state, pages.get(at, record.state) | given);
        out.given = true;
      }
      pages.unlock(page);
      return lookup === 'live' ? 'held' : 'ended';
    }
    if (at > 0) {
      // Removed first: a thread that is killed in between leaves no part of the old record.
      // Another node may have used the session meanwhile: whether its epoch has gone up is for the store to say.
      if (out.epoch >= epoch && !announce) epoch = out.epoch + 1;
      records.forget(page, at, header.expired);
      at = pages.probe(page, key);
    } else if (at === 0) {
      makeRoom(records, page, now, isGiven);
      at = pages.probe(page, key);
    }
    const state = (isGiven ? given : 0) | (announce ? claiming : 0) | (lifetime << lifetimeShift) | server;
    records.write(-at, key, state, epoch, now, now, 0);
    if (provisional) {
      records.setFormer(-at, nobody, 1, false);
      records.use(-at, now, 1);
    }
    records.read(-at, now, out);
    pages.unlock(page);
    Atomics.add(this.words, header.bound, 1);
    return 'bound';
  }

  /**
   * Makes `server` the owner with epoch + 1, if no other claim was made since `epoch`. When the record has a higher epoch, the result
   * is 'lost', and the owner is in `out`. A record with a lower epoch is overwritten: the higher epoch is right. Other results are those
   * of `find`: a session that is not live is not changed, and `bind` with epoch + 1 creates it.
   */
  claim(
    key: Fingerprint,
    epoch: number,
    server: number,
    now: number,
    out: Entry,
    how: Claim = settledClaim,
  ): 'claimed' | 'lost' | 'busy' | Lookup {
    this.check(server, 0);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const lookup = records.read(at, now, out);
    if (lookup !== 'live' || out.epoch > epoch) {
      pages.unlock(page);
      return lookup === 'live' ? 'lost' : lookup;
    }
    if (out.inflight > how.most) {
      pages.unlock(page);
      return 'busy';
    }
    const former = out.former === 0 ? out.server : out.former;
    const steps = out.former === 0 ? 1 : Math.min(stepsMask, out.steps + 1);
    const moved = out.former === 0 ? how.moving : out.moving;
    // A record with a lower epoch than the caller's does not know the last owner.
    const known = out.epoch === epoch;
    this.handOver(at, epoch + 1, server, now, out, how.announce);
    if (how.provisional) {
      if (known) records.setFormer(at, former, steps, moved);
      if (!how.counted) records.use(at, now, 1);
      records.read(at, now, out);
    }
    pages.unlock(page);
    return 'claimed';
  }

  /**
   * The server has taken a request of the session, by the claim of that epoch, and is its owner from now on. 'accepted': this was the
   * first request, the session has left its former owner, and `out.moving` says how. 'held': the server was the owner already, or is
   * again, or there was no former owner. 'lost': another server owns it now, see `out`. 'gone': it is not live. `takeover`: the server
   * becomes the owner also when the session has been claimed for another server that has not taken a request of it yet.
   */
  accept(
    key: Fingerprint,
    epoch: number,
    server: number,
    now: number,
    out: Entry,
    takeover: boolean,
  ): 'accepted' | 'held' | 'lost' | 'gone' {
    this.check(server, 0);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = records.read(at, now, out) === 'live';
    const ours = live && out.epoch === epoch && out.server === server;
    const provisional = out.former !== 0;
    const former = provisional ? out.former : out.server;
    const wasMoving = out.moving;
    // It was returned already, or other exchanges have claimed it for another server, which has not responded.
    const isReturning = live && !ours && (out.epoch < epoch || (takeover && provisional));
    if (isReturning) this.handOver(at, Math.max(epoch, out.epoch + 1), server, now, out, false);
    else if (ours && provisional) {
      records.setFormer(at, 0, 0, false);
      records.read(at, now, out);
    }
    pages.unlock(page);
    if (!live) return 'gone';
    out.moving = wasMoving;
    if (!isReturning && !ours) return 'lost';
    return (isReturning || provisional) && former !== nobody && former !== server ? 'accepted' : 'held';
  }

  /** To be called under the lock: from now on `server` owns the session. */
  private handOver(at: number, epoch: number, server: number, now: number, out: Entry, announce: boolean): void {
    const { pages, records } = this;
    const before = out.server;
    Atomics.add(this.words, records.counter(server), 1);
    // The epoch first: a thread that is killed here leaves a new epoch of the old owner, never an old epoch of the new one.
    pages.set(at, record.epoch, epoch);
    const state = pages.get(at, record.state) & ~(serverMask | claiming);
    records.setState(at, state | server | (announce ? claiming : 0));
    pages.set(at, record.seen, Math.max(out.seen, now));
    records.setFormer(at, 0, 0, false);
    Atomics.sub(this.words, records.counter(before), 1);
    records.read(at, now, out);
    Atomics.add(this.words, header.claimed, 1);
  }

  /**
   * The store knows that `server` is the owner of that epoch, and has this version of the session; 0: no copy; -1: its version is not
   * known. False: there is another owner or epoch by now, or the session is not live.
   */
  confirm(key: Fingerprint, epoch: number, server: number, version: number, now: number): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const state = at > 0 ? pages.get(at, record.state) : 0;
    const owned = (state & serverMask) === server && records.lookup(at, now) === 'live';
    const current = owned && pages.get(at, record.epoch) === epoch;
    if (current) {
      // When another thread has confirmed it before, the new owner may have put a later version than the claim found.
      if (version > 0 && ((state & claiming) !== 0 || (state & copied) === 0)) records.copy(at, version);
      else if (version === 0 && (state & claiming) !== 0) records.uncopy(at);
      pages.set(at, record.state, pages.get(at, record.state) & ~claiming);
    }
    pages.unlock(page);
    return current;
  }

  /**
   * The store has refused the claim of that epoch by that server: the session belongs to its former owner, as before. Of several claims in a
   * row it may have recorded the first ones: then it has to be queried again. Nothing happens when the record is another one by now.
   */
  retract(key: Fingerprint, epoch: number, server: number, now: number, out: Entry): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const isClaim =
      records.read(at, now, out) === 'live' && out.claiming && out.epoch === epoch && out.server === server;
    if (isClaim && out.former !== 0 && out.former !== nobody) {
      const { former, steps } = out;
      this.handOver(at, Math.max(1, epoch - steps), former, now, out, false);
      if (steps > 1) pages.set(at, record.state, pages.get(at, record.state) | unsure);
    }
    pages.unlock(page);
  }

  /**
   * The store knows where a session with a provisional owner is to go back to. `former` is the owner itself: nowhere, it is not provisional any
   * more. Nothing happens when the record is another one by now.
   */
  setFormer(key: Fingerprint, epoch: number, server: number, former: number, now: number, out: Entry): void {
    this.check(former, 0);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const isProvisional = records.read(at, now, out) === 'live' && out.former !== 0 && out.former !== nobody;
    if (isProvisional && out.epoch === epoch && out.server === server)
      records.setFormer(at, former === server ? 0 : former, out.steps, out.moving);
    pages.unlock(page);
  }

  /** The store has this version, put by the owner of that epoch. It never goes down within an epoch. False as for `confirm`. */
  copy(key: Fingerprint, epoch: number, version: number, now: number): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const current = records.lookup(at, now) === 'live' && pages.get(at, record.epoch) === epoch;
    if (current) {
      const before = (pages.get(at, record.state) & copied) !== 0 ? pages.get(at, record.expires) : 0;
      if (version > before) records.copy(at, version);
    }
    pages.unlock(page);
    return current;
  }

  /** The copy of the session is not valid any more: a later change could not be stored. */
  uncopy(key: Fingerprint, now: number): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (records.lookup(at, now) === 'live' && (pages.get(at, record.state) & copied) !== 0) records.uncopy(at);
    pages.unlock(page);
  }

  /**
   * The owner that the store has for the session. It is taken when its epoch is higher than the record's, or the same while the store
   * does not know the record's owner yet. True when it was taken. A session that is not live is left to `bind`.
   */
  adopt(key: Fingerprint, epoch: number, server: number, now: number, out: Entry): boolean {
    this.check(server, 0);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const right = records.read(at, now, out) === 'live' && (out.epoch < epoch || (out.epoch === epoch && out.claiming));
    if (right && out.epoch === epoch && out.server === server) {
      pages.set(at, record.state, pages.get(at, record.state) & ~claiming);
      records.read(at, now, out);
    } else if (right) this.handOver(at, epoch, server, now, out, false);
    pages.unlock(page);
    return right;
  }

  /**
   * What the store has for a session that was read from a file (`Entry.unsure`): its owner, or `server` 0 when the store has none, so
   * that the file's owner stays; and the version of its copy, 0 for none. Any other session is not changed.
   */
  vouch(key: Fingerprint, epoch: number, server: number, version: number, now: number, out: Entry): void {
    this.check(server === 0 ? 1 : server, 0);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (records.read(at, now, out) === 'live' && out.unsure) {
      if (server !== 0 && (out.server !== server || out.epoch !== epoch))
        this.handOver(at, epoch, server, now, out, false);
      if (version > 0) records.copy(at, version);
      else if (out.copied) records.uncopy(at);
      // When the store has nothing for the session, it does not know an owner that still has to be recorded there either.
      const known = server === 0 ? unsure : unsure | claiming;
      pages.set(at, record.state, pages.get(at, record.state) & ~known);
    }
    pages.unlock(page);
  }

  /**
   * `find` for an exchange that begins: a live session was seen, has come back, and has one more open exchange, as in `out`; call `leave`
   * when that is over. Not live: nothing changes, and `leave` must not be called.
   * `isGiven` as for `bind`.
   */
  enter(key: Fingerprint, now: number, out: Entry, isGiven = false): Lookup {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    let lookup = records.read(at, now, out);
    if (lookup === 'live') {
      records.use(at, now, 1, isGiven ? proved | given : proved);
      lookup = records.read(at, now, out);
    }
    pages.unlock(page);
    return lookup;
  }

  /**
   * As `enter`, for an exchange that has bound its session itself, which does not count as coming back. False: not live, and `leave`
   * must not be called.
   */
  acquire(key: Fingerprint, now: number): boolean {
    return this.use(key, now, 1, 0);
  }

  /**
   * An exchange that entered is over, and the session was seen. Nothing happens when the session is gone meanwhile. When this was the last
   * exchange, and the owner never took a request, the session returns to its former owner: with the former epoch when the claim is not
   * known outside of this table, so that nothing has changed; with a new epoch when the store has recorded the claim (`announced`).
   * Then the answer is true, the store has to record it, and `out` has the owner.
   */
  leave(key: Fingerprint, now: number, out: Entry, announced = false): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    let mustPublish = false;
    if (records.lookup(at, now) === 'live') {
      records.use(at, now, -1);
      records.read(at, now, out);
      if (out.former !== 0 && out.inflight === 0) mustPublish = this.giveBack(page, at, now, out, announced);
    }
    pages.unlock(page);
    return mustPublish;
  }

  /** To be called under the lock: no exchange is left that could be accepted. */
  private giveBack(page: number, at: number, now: number, out: Entry, announced: boolean): boolean {
    const { records } = this;
    const { former, steps } = out;
    const isUnpublished = !announced && steps < stepsMask;
    if (former === nobody) {
      if (isUnpublished) records.forget(page, at, header.returned);
      else records.setFormer(at, 0, 0, false);
      return false;
    }
    Atomics.add(this.words, header.returned, 1);
    this.handOver(at, isUnpublished ? out.epoch - steps : out.epoch + 1, former, now, out, announced);
    return announced;
  }

  /**
   * The session came back, for a short exchange that is not counted. To be called when the second has changed since `Entry.seen`. False:
   * not live.
   */
  touch(key: Fingerprint, now: number): boolean {
    return this.use(key, now, 0, proved);
  }

  /**
   * The time from which the client no longer has the session's name: the session is then 'old', also in flight. 0: never.
   * False: not live.
   */
  setExpires(key: Fingerprint, expires: number, now: number): boolean {
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = this.records.lookup(at, now) === 'live';
    // When it is copied, this word is the version: the state stays longer than the name.
    if (live && (pages.get(at, record.state) & copied) === 0) pages.set(at, record.expires, expires);
    pages.unlock(page);
    return live;
  }

  private use(key: Fingerprint, now: number, inflight: number, state: number): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = records.lookup(at, now) === 'live';
    if (live) records.use(at, now, inflight, state);
    pages.unlock(page);
    return live;
  }

  /** Ends the session: it cannot be bound again for the time of the tombstone, from `ended` on. False: it was not live. */
  end(key: Fingerprint, now: number, ended = now): boolean {
    const { pages, records, words } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = records.lookup(at, now) === 'live';
    if (live) {
      const state = pages.get(at, record.state);
      records.setState(at, (state & ~(serverMask | claiming | unsure)) | tombstone);
      if ((state & copied) !== 0) records.uncopy(at);
      pages.set(at, record.seen, ended);
      pages.set(at, record.activity, 0);
      Atomics.sub(words, records.counter(state & serverMask), 1);
      boundTombstones(records, page);
    }
    pages.unlock(page);
    if (live) Atomics.add(words, header.ended, 1);
    return live;
  }

  /** `end`, also for a session that is not in the table: the store has its end, at `ended`. */
  bury(key: Fingerprint, now: number, ended = now): void {
    if (this.end(key, now, ended)) return;
    const stone = new Entry();
    stone.seen = ended;
    stone.given = true;
    this.restore(key, stone, now);
  }

  /** Removes a record that is not needed any more, and would take the place of another one. */
  private forgetOver(key: Fingerprint, now: number): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (at > 0 && records.isExpired(at, now)) records.forget(page, at, header.expired);
    pages.unlock(page);
  }

  /** `bury`, when the store could not record the end: the tombstone does not expire before `endKept`. */
  beginEnding(key: Fingerprint, now: number): void {
    this.forgetOver(key, now);
    this.bury(key, now);
    this.markEnding(key, ending, now);
  }

  /** The store has recorded the end: a usual tombstone from now on, of an end at `ended`. */
  endKept(key: Fingerprint, now: number, ended = now): void {
    this.forgetOver(key, now);
    this.bury(key, now, ended);
    this.markEnding(key, 0, ended);
  }

  private markEnding(key: Fingerprint, mark: number, ended: number): void {
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const state = at > 0 ? pages.get(at, record.state) : 0;
    if ((state & tombstone) !== 0) {
      pages.set(at, record.seen, ended);
      pages.set(at, record.state, (state & ~ending) | mark);
    }
    pages.unlock(page);
  }

  /** The record may be outdated: the store is queried before it is used (`vouch`). Nothing happens when it is not live. */
  doubt(key: Fingerprint, now: number): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (records.lookup(at, now) === 'live') pages.set(at, record.state, pages.get(at, record.state) | unsure);
    pages.unlock(page);
  }

  /** Sessions of that server, including expired ones that are not swept yet. */
  count(server: number): number {
    return Atomics.load(this.words, this.records.counter(server));
  }

  /** Those of them that have a copy. */
  countCopied(server: number): number {
    return Atomics.load(this.words, this.records.copyCounter(server));
  }

  /** Sessions of all servers. */
  get size(): number {
    let sum = 0;
    for (let server = 1; server <= this.servers; server++) sum += this.count(server);
    return sum;
  }

  get counters(): TableCounters {
    const read = (field: number) => Atomics.load(this.words, field) >>> 0;
    const { bound, claimed, ended, expired, evicted, returned } = header;
    return {
      bound: read(bound),
      claimed: read(claimed),
      ended: read(ended),
      expired: read(expired),
      evicted: read(evicted),
      returned: read(returned),
    };
  }

  /** Changes a lifetime, also for existing sessions, when the config is reloaded. Checks the range as `create` does. */
  setLifetime(lifetime: number, { idle, absolute }: Lifetime): void {
    this.check(1, lifetime);
    Atomics.store(this.words, header.lifetime + 2 * lifetime, idle);
    Atomics.store(this.words, header.lifetime + 2 * lifetime + 1, absolute);
  }

  get lifetimes(): number {
    return this.words[header.lifetimes]!;
  }

  /** Restores a saved session or tombstone (server 0). False: it exists already, or has expired. */
  restore(key: Fingerprint, entry: Entry, now: number): boolean {
    this.check(entry.server === 0 ? 1 : entry.server, entry.lifetime);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    let at = pages.probe(page, key);
    if (at > 0) {
      if (!records.isExpired(at, now)) {
        pages.unlock(page);
        return false;
      }
      // Expired but not swept yet: it is removed here.
      records.forget(page, at, header.expired);
      at = pages.probe(page, key);
    }
    if (at === 0) {
      makeRoom(records, page, now, entry.given);
      at = pages.probe(page, key);
    }
    const owner = entry.server === 0 ? tombstone : entry.server;
    const state =
      (entry.proved ? proved : 0) |
      (entry.given ? given : 0) |
      (entry.copied ? copied : 0) |
      (entry.claiming ? claiming : 0) |
      (entry.unsure ? unsure : 0) |
      (entry.lifetime << lifetimeShift) |
      owner;
    const expires = entry.copied ? entry.version : entry.expires;
    records.write(-at, key, state, entry.epoch, entry.born, entry.seen, expires);
    const lookup = records.lookup(-at, now);
    const kept = lookup === 'live' || lookup === 'ended';
    if (!kept) records.forget(page, -at, header.expired);
    pages.unlock(page);
    return kept;
  }

  /** To be called after the thread with that number was killed, and before a new one takes the number (recover.ts). */
  recover(writer: number): void {
    recover(this.pages, writer);
  }

  /** Checks arguments, before any lock is taken. */
  private check(server: number, lifetime: number): void {
    if (!(server >= 1 && server <= this.servers)) throw new RangeError(`server number ${server}`);
    if (!(lifetime >= 0 && lifetime < this.lifetimes)) throw new RangeError(`lifetime ${lifetime}`);
  }
}
