/**
 * The session table: which server holds which session, shared by all threads. Sessions are named by fingerprints and
 * servers by numbers; what these stand for is the callers' business (fingerprint.ts, numbers.ts).
 *
 * Reading takes no lock and writing locks one page for some 100 ns (pages.ts says how). What `find`, `bind`, `claim`
 * and the others answer is one state of the session at one moment, never a mixture of two.
 *
 * The number of sessions of a server is kept in the same buffer. It goes up before a record names the server and
 * down after the last word that did: whoever reads 0 knows that no record names it.
 */
import {
  firstPageWord,
  header,
  lifetimeMask,
  lifetimeShift,
  magic,
  maxLifetimes,
  maxServers,
  maxWriters,
  pageBytes,
  pageWords,
  plannedPerPage,
  record,
  recordsPerPage,
  recordWords,
  serverMask,
  tombstone,
  tombstonesPerPage,
  used,
  version,
} from './layout.ts';
import { type Fingerprint, Pages } from './pages.ts';

/** How long sessions of one kind live. Seconds; 0 for no limit. */
export interface Lifetime {
  /** Since the session was last seen; a session in flight is not idle. */
  readonly idle: number;
  /** Since it was born. */
  readonly absolute: number;
}

export interface TableOptions {
  /** Sessions that must fit. The table has room for 1.4 times as many, and evicts when a page of it is full. */
  readonly capacity: number;
  /** Sessions name theirs by its place in this list: one for each way to recognise, at most 256. */
  readonly lifetimes: readonly Lifetime[];
  /** Server numbers 1 to `servers` can be used. Default 1023, at most 65,535. */
  readonly servers?: number;
  /** Seconds for which a session that was ended cannot be bound again. Default 60. */
  readonly tombstoneTime?: number;
}

/** What the table says of a session. ended: a tombstone. idle, old: beyond its lifetime. All but 'live' have no owner. */
export type Look = 'none' | 'live' | 'ended' | 'idle' | 'old';

/** What the table knows of one session. Handed in and filled again at each call: nothing is allocated. */
export class Entry {
  /** Server number of the owner; 0: nobody. */
  server = 0;
  /** Generation of that ownership; 0: there is no record. */
  epoch = 0;
  born = 0;
  seen = 0;
  /** Exchanges of the session that run now. */
  inflight = 0;
  lifetime = 0;
}

/** What has happened since the table was made. */
export interface TableCounters {
  readonly bound: number;
  readonly claimed: number;
  readonly ended: number;
  readonly expired: number;
  /** Live sessions forgotten because their page was full. */
  readonly evicted: number;
}

export class SessionTable {
  readonly buffer: SharedArrayBuffer;
  readonly pages: Pages;
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
  }

  /** Makes an empty table; this thread is its writer number 0. Throws RangeError for options out of range. */
  static create(options: TableOptions): SessionTable {
    const { capacity, lifetimes, servers = 1023, tombstoneTime = 60 } = options;
    const pages = Math.ceil(capacity / plannedPerPage);
    if (!(pages >= 1)) throw new RangeError(`a table for ${capacity} sessions`);
    if (!(servers >= 1 && servers <= maxServers)) throw new RangeError(`${servers} server numbers`);
    if (lifetimes.length < 1 || lifetimes.length > maxLifetimes) throw new RangeError(`${lifetimes.length} lifetimes`);
    const buffer = new SharedArrayBuffer(firstPageWord(servers) * 4 + pages * pageBytes);
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

  /** The same table on another thread. `writer` is that thread's number, 1 to 254: no two living threads share one. */
  static attach(buffer: SharedArrayBuffer, writer: number): SessionTable {
    const words = new Int32Array(buffer);
    if (Atomics.load(words, header.magic) !== magic || words[header.version] !== version) {
      throw new RangeError('the buffer holds no session table of this version');
    }
    return new SessionTable(buffer, writer);
  }

  /** Fills `out` with what is known of the session. `now` is Unix seconds, here and everywhere. */
  find(key: Fingerprint, now: number, out: Entry): Look {
    const { pages } = this;
    const page = pages.pageOf(key);
    for (let tries = 0; ; tries++) {
      const before = pages.version(page);
      if (before >= 0) {
        const at = pages.probe(page, key);
        if (at <= 0 || pages.confirm(at, key)) {
          const look = this.read(at, now, out);
          if (pages.version(page) === before) return look;
        }
      }
      pages.pause(page, tries);
    }
  }

  /**
   * Makes `server` the owner unless the session has one. Of several threads that bind a session at the same time one
   * gets 'bound'; the others get 'held' and the winner in `out`. 'ended': the session was ended a moment ago. The epoch
   * is `epoch` (of a token that knows more than the table), or one more than that of an expired record.
   */
  bind(key: Fingerprint, server: number, now: number, out: Entry, lifetime = 0, epoch = 1): 'bound' | 'held' | 'ended' {
    this.check(server, lifetime);
    const seen = this.find(key, now, out);
    if (seen === 'live') return 'held';
    if (seen === 'ended') return 'ended';
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    let at = pages.probe(page, key);
    const look = this.read(at, now, out);
    if (look === 'live' || look === 'ended') {
      pages.unlock(page);
      return look === 'live' ? 'held' : 'ended';
    }
    if (at > 0) {
      // Taken out first: a thread killed in the middle leaves no half of the old record.
      if (out.epoch >= epoch) epoch = out.epoch + 1;
      this.forget(page, at, header.expired);
      at = pages.probe(page, key);
    } else if (at === 0) {
      this.evict(page, now);
      at = pages.probe(page, key);
    }
    this.write(-at, key, (lifetime << lifetimeShift) | server, epoch, now, now);
    this.read(-at, now, out);
    pages.unlock(page);
    Atomics.add(this.words, header.bound, 1);
    return 'bound';
  }

  /**
   * Makes `server` the owner with epoch + 1, if nobody did so since `epoch`: a session that is already beyond it is
   * 'lost' to the owner in `out`. A record older than `epoch` gives way: the higher epoch is right. Any other answer
   * is what `find` says; of a session that is not live nothing changes, and `bind` with epoch + 1 makes it.
   */
  claim(key: Fingerprint, epoch: number, server: number, now: number, out: Entry): 'claimed' | 'lost' | Look {
    this.check(server, 0);
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const look = this.read(at, now, out);
    if (look !== 'live' || out.epoch > epoch) {
      pages.unlock(page);
      return look === 'live' ? 'lost' : look;
    }
    const before = out.server;
    Atomics.add(this.words, this.counter(server), 1);
    // The epoch first: a thread killed here leaves a new epoch of the old owner, never an old epoch of the new one.
    pages.set(at, record.epoch, epoch + 1);
    pages.set(at, record.state, (pages.get(at, record.state) & ~serverMask) | server);
    pages.set(at, record.seen, Math.max(out.seen, now));
    Atomics.sub(this.words, this.counter(before), 1);
    this.read(at, now, out);
    pages.unlock(page);
    Atomics.add(this.words, header.claimed, 1);
    return 'claimed';
  }

  /** Notes that the session was seen. Worth a call when the second has changed since `Entry.seen`. False: not live. */
  touch(key: Fingerprint, now: number): boolean {
    return this.use(key, now, 0);
  }

  /** One more exchange of the session runs, and it was seen. False: not live, and there is nothing to release. */
  acquire(key: Fingerprint, now: number): boolean {
    return this.use(key, now, 1);
  }

  /** An exchange that was acquired is over, and the session was seen. Nothing happens when it has gone meanwhile. */
  release(key: Fingerprint, now: number): void {
    this.use(key, now, -1);
  }

  private use(key: Fingerprint, now: number, inflight: number): boolean {
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = this.look(at, now) === 'live';
    if (live) {
      if (now > pages.get(at, record.seen)) pages.set(at, record.seen, now);
      if (inflight !== 0) pages.set(at, record.inflight, Math.max(0, pages.get(at, record.inflight) + inflight));
    }
    pages.unlock(page);
    return live;
  }

  /** Ends the session: dead stays dead for the tombstone's time. False: it was not live. */
  end(key: Fingerprint, now: number): boolean {
    const { pages, words } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = this.look(at, now) === 'live';
    if (live) {
      const state = pages.get(at, record.state);
      pages.set(at, record.state, (state & ~serverMask) | tombstone);
      pages.set(at, record.seen, now);
      pages.set(at, record.inflight, 0);
      Atomics.sub(words, this.counter(state & serverMask), 1);
      this.boundTombstones(page);
    }
    pages.unlock(page);
    if (live) Atomics.add(words, header.ended, 1);
    return live;
  }

  /** Sessions of that server, those included that have expired and are not yet swept. */
  count(server: number): number {
    return Atomics.load(this.words, this.counter(server));
  }

  /** Sessions of all servers. */
  get size(): number {
    let sum = 0;
    for (let server = 1; server <= this.servers; server++) sum += this.count(server);
    return sum;
  }

  get counters(): TableCounters {
    const read = (field: number) => Atomics.load(this.words, field) >>> 0;
    const { bound, claimed, ended, expired, evicted } = header;
    return {
      bound: read(bound),
      claimed: read(claimed),
      ended: read(ended),
      expired: read(expired),
      evicted: read(evicted),
    };
  }

  /** Changes a lifetime, also for the sessions that are there: a reload of the config. Range checked like `create`. */
  setLifetime(lifetime: number, { idle, absolute }: Lifetime): void {
    this.check(1, lifetime);
    Atomics.store(this.words, header.lifetime + 2 * lifetime, idle);
    Atomics.store(this.words, header.lifetime + 2 * lifetime + 1, absolute);
  }

  get lifetimes(): number {
    return this.words[header.lifetimes]!;
  }

  /** Puts a session back that was saved, tombstones (server 0) included. False: it is there already, or beyond its time. */
  restore(key: Fingerprint, entry: Entry, now: number): boolean {
    this.check(entry.server === 0 ? 1 : entry.server, entry.lifetime);
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    let at = pages.probe(page, key);
    if (at > 0) {
      pages.unlock(page);
      return false;
    }
    if (at === 0) {
      this.evict(page, now);
      at = pages.probe(page, key);
    }
    const state = (entry.lifetime << lifetimeShift) | (entry.server === 0 ? tombstone : entry.server);
    this.write(-at, key, state, entry.epoch, entry.born, entry.seen);
    const look = this.look(-at, now);
    const kept = look === 'live' || look === 'ended';
    if (!kept) this.forget(page, -at, header.expired);
    pages.unlock(page);
    return kept;
  }

  /**
   * Forgets what has expired in a page and the tombstones whose time is over; answers how many. Never waits: a page that
   * is being written is left for the next time.
   */
  expirePage(page: number, now: number): number {
    const { pages } = this;
    if (!this.hasExpired(page, now) || !pages.tryLock(page)) return 0;
    let forgotten = 0;
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      const at = page + slot * recordWords;
      // Removing moves a later record here: look again.
      while (this.isExpired(at, now)) {
        this.forget(page, at, header.expired);
        forgotten++;
      }
    }
    pages.unlock(page);
    return forgotten;
  }

  /** Without the lock: a wrong answer costs a needless lock, or waits for the next sweep. */
  private hasExpired(page: number, now: number): boolean {
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      if (this.isExpired(page + slot * recordWords, now)) return true;
    }
    return false;
  }

  private isExpired(at: number, now: number): boolean {
    if (this.pages.get(at, record.state) === 0) return false;
    const look = this.look(at, now);
    return look !== 'live' && look !== 'ended';
  }

  /**
   * After the thread with that number was killed: gives back the page it may have been writing, and forgets what is in
   * flight, its share of which nobody knows. (Too low a count lets a session go idle or be moved a little early; too
   * high a one would keep it for ever.) A thread killed in the very middle of a change may leave a server's count one
   * too high. Call it before a new thread takes the number.
   */
  recover(writer: number): void {
    const { pages } = this;
    for (let n = 0; n < pages.count; n++) {
      const page = pages.first + n * pageWords;
      pages.repair(page, writer);
      if (!this.hasInflight(page) || !pages.tryLock(page)) continue;
      for (let slot = 1; slot <= recordsPerPage; slot++) pages.set(page + slot * recordWords, record.inflight, 0);
      pages.unlock(page);
    }
  }

  private hasInflight(page: number): boolean {
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      if (this.pages.get(page + slot * recordWords, record.inflight) !== 0) return true;
    }
    return false;
  }

  /** Errors of the program, thrown before any lock is taken. */
  private check(server: number, lifetime: number): void {
    if (!(server >= 1 && server <= this.servers)) throw new RangeError(`server number ${server}`);
    if (!(lifetime >= 0 && lifetime < this.lifetimes)) throw new RangeError(`lifetime ${lifetime}`);
  }

  /** The word that counts a server's sessions; word 0 of these pages counts nothing. */
  private counter(server: number): number {
    return pageWords + server;
  }

  /** Fills `out` from the record at `at`; not positive: there is none. */
  private read(at: number, now: number, out: Entry): Look {
    if (at <= 0) {
      out.server = out.epoch = out.born = out.seen = out.inflight = out.lifetime = 0;
      return 'none';
    }
    const { pages } = this;
    const state = pages.load(at, record.state);
    out.server = state & serverMask;
    out.lifetime = (state >>> lifetimeShift) & lifetimeMask;
    out.epoch = pages.load(at, record.epoch);
    out.born = pages.load(at, record.born);
    out.seen = pages.load(at, record.seen);
    out.inflight = pages.load(at, record.inflight);
    return this.judge(state, out.born, out.seen, out.inflight, now);
  }

  private look(at: number, now: number): Look {
    if (at <= 0) return 'none';
    const { pages } = this;
    return this.judge(
      pages.get(at, record.state),
      pages.get(at, record.born),
      pages.get(at, record.seen),
      pages.get(at, record.inflight),
      now,
    );
  }

  /** A tombstone whose time is over is as good as none. */
  private judge(state: number, born: number, seen: number, inflight: number, now: number): Look {
    const { words } = this;
    if ((state & tombstone) !== 0) return now - seen < words[header.tombstoneTime]! ? 'ended' : 'none';
    const at = header.lifetime + 2 * ((state >>> lifetimeShift) & lifetimeMask);
    const idle = words[at]!;
    const absolute = words[at + 1]!;
    if (absolute > 0 && now - born >= absolute) return 'old';
    if (idle > 0 && inflight === 0 && now - seen >= idle) return 'idle';
    return 'live';
  }

  /** Into a free record; `state` is its last word. */
  private write(at: number, key: Fingerprint, state: number, epoch: number, born: number, seen: number): void {
    const { pages } = this;
    const server = state & serverMask;
    if (server !== 0) Atomics.add(this.words, this.counter(server), 1);
    pages.set(at, record.hi, key.hi);
    pages.set(at, record.lo, key.lo);
    pages.set(at, record.epoch, epoch);
    pages.set(at, record.born, born);
    pages.set(at, record.seen, seen);
    pages.set(at, record.inflight, 0);
    pages.set(at, record.state, state | used);
  }

  /** Takes a record out, and counts why; a tombstone has been counted when it was made. */
  private forget(page: number, at: number, why: number): void {
    const server = this.pages.get(at, record.state) & serverMask;
    this.pages.remove(page, at);
    if (server === 0) return;
    Atomics.sub(this.words, this.counter(server), 1);
    Atomics.add(this.words, why, 1);
  }

  /** Makes room in a full page: what has expired, else the one least recently seen that has nothing in flight, else any. */
  private evict(page: number, now: number): void {
    let victim = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      const at = page + slot * recordWords;
      if (this.isExpired(at, now)) {
        this.forget(page, at, header.expired);
        return;
      }
      const busy = this.pages.get(at, record.inflight) === 0 ? 0 : 0x100000000;
      const rank = busy + this.pages.get(at, record.seen);
      if (rank >= least) continue;
      least = rank;
      victim = at;
    }
    this.forget(page, victim, header.evicted);
  }

  private boundTombstones(page: number): void {
    let tombstones = 0;
    let oldest = 0;
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      const at = page + slot * recordWords;
      if ((this.pages.get(at, record.state) & tombstone) === 0) continue;
      tombstones++;
      if (oldest === 0 || this.pages.get(at, record.seen) < this.pages.get(oldest, record.seen)) oldest = at;
    }
    if (tombstones > tombstonesPerPage) this.pages.remove(page, oldest);
  }
}
