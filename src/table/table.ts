/**
 * The session table: which server holds which session, shared by all threads. Sessions are named by fingerprints and
 * servers by numbers; what these stand for is the callers' business (fingerprint.ts, numbers.ts).
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
import { Entry, type Look, Records } from './records.ts';
import { recover } from './recover.ts';

export { Entry, type Look } from './records.ts';

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
  /** Sessions name theirs by its place in this list. Default: 256, all without a limit until `setLifetime` (lifetimes.ts). */
  readonly lifetimes?: readonly Lifetime[];
  /** Server numbers 1 to `servers` can be used. Default 1023, at most 65,535. */
  readonly servers?: number;
  /** Seconds for which a session that was ended cannot be bound again. Default 60. */
  readonly tombstoneTime?: number;
}

/** What has happened since the table was made. */
export interface TableCounters {
  readonly bound: number;
  readonly claimed: number;
  readonly ended: number;
  readonly expired: number;
  /** Live sessions forgotten because their page was full. */
  readonly evicted: number;
  /** Claims taken back, because the server took no request. */
  readonly returned: number;
}

/** How a claim is made. */
export interface Claim {
  /**
   * The server has not taken a request of the session yet: until `accept`, the session may go back to its former owner.
   * The exchange that claims is counted, unless it was (`counted`), so that `leave` can tell when nobody is left to be accepted.
   */
  readonly provisional: boolean;
  readonly counted: boolean;
  /** The former owner lives. */
  readonly moving: boolean;
  /** The store has to hear of it too: the session is `claiming` until `confirm`. */
  readonly announce: boolean;
  /** 'busy', and nothing has changed, when more exchanges of it than that run. */
  readonly most: number;
}

/** By word of another node, or of a token that knows more than the table: the server has the session. */
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

  /** Makes an empty table; this thread is its writer number 0. Throws RangeError for options out of range. */
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
          const look = this.records.read(at, now, out);
          if (pages.version(page) === before) return look;
        }
      }
      pages.pause(page, tries);
    }
  }

  /**
   * Makes `server` the owner unless the session has one. Of several threads that bind a session at the same time one
   * gets 'bound'; the others get 'held' and the winner in `out`. 'ended': the session was ended a moment ago. The epoch
   * is `epoch` (of a token that knows more than the table), or one more than that of an expired record. `isGiven`: the app or
   * we gave the client its name, now or before; a session that is held already becomes such a one. `provisional`:
   * until `accept` the session may be nobody's again, as after a provisional claim; the exchange is counted.
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
  ): 'bound' | 'held' | 'ended' {
    this.check(server, lifetime);
    const seen = this.find(key, now, out);
    if (seen === 'live' && (out.given || !isGiven)) return 'held';
    if (seen === 'ended') return 'ended';
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    let at = pages.probe(page, key);
    const look = records.read(at, now, out);
    if (look === 'live' || look === 'ended') {
      if (look === 'live' && isGiven) {
        pages.set(at, record.state, pages.get(at, record.state) | given);
        out.given = true;
      }
      pages.unlock(page);
      return look === 'live' ? 'held' : 'ended';
    }
    if (at > 0) {
      // Taken out first: a thread killed in the middle leaves no half of the old record.
      if (out.epoch >= epoch) epoch = out.epoch + 1;
      records.forget(page, at, header.expired);
      at = pages.probe(page, key);
    } else if (at === 0) {
      makeRoom(records, page, now, isGiven);
      at = pages.probe(page, key);
    }
    const state = (isGiven ? given : 0) | (lifetime << lifetimeShift) | server;
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
   * Makes `server` the owner with epoch + 1, if nobody did so since `epoch`: a session that is already beyond it is
   * 'lost' to the owner in `out`. A record older than `epoch` gives way: the higher epoch is right. Any other answer
   * is what `find` says; of a session that is not live nothing changes, and `bind` with epoch + 1 makes it.
   */
  claim(
    key: Fingerprint,
    epoch: number,
    server: number,
    now: number,
    out: Entry,
    how: Claim = settledClaim,
  ): 'claimed' | 'lost' | 'busy' | Look {
    this.check(server, 0);
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const look = records.read(at, now, out);
    if (look !== 'live' || out.epoch > epoch) {
      pages.unlock(page);
      return look === 'live' ? 'lost' : look;
    }
    if (out.inflight > how.most) {
      pages.unlock(page);
      return 'busy';
    }
    const former = out.former === 0 ? out.server : out.former;
    const steps = out.former === 0 ? 1 : Math.min(stepsMask, out.steps + 1);
    const moved = out.former === 0 ? how.moving : out.moving;
    // Of an older epoch than the claimant's the record does not know whose the session was.
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
   * The server has taken a request of the session, by the claim of that epoch: the session is its own from now on. 'accepted':
   * this was the first one, the session has left its former owner, and `out.moving` says how. 'held': it was its own already,
   * or is again, or nobody's. 'lost': the session is somebody else's by now, see `out`. 'gone': it is not live. `takeover`: the session
   * becomes its own also when others have claimed it for a server that has not taken a request of it yet.
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
    // It went back already, or others have given up this server meanwhile, and their next one has not answered.
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

  /** Under the lock: from here on `server` has the session. */
  private handOver(at: number, epoch: number, server: number, now: number, out: Entry, announce: boolean): void {
    const { pages, records } = this;
    const before = out.server;
    Atomics.add(this.words, records.counter(server), 1);
    // The epoch first: a thread killed here leaves a new epoch of the old owner, never an old epoch of the new one.
    pages.set(at, record.epoch, epoch);
    const state = pages.get(at, record.state) & ~(serverMask | claiming);
    pages.set(at, record.state, state | server | (announce ? claiming : 0));
    pages.set(at, record.seen, Math.max(out.seen, now));
    records.setFormer(at, 0, 0, false);
    Atomics.sub(this.words, records.counter(before), 1);
    records.read(at, now, out);
    Atomics.add(this.words, header.claimed, 1);
  }

  /**
   * The store knows that `server` is the owner of that epoch, and keeps this version of the session; 0: nothing; -1: what it
   * keeps was not said. False: another owner or epoch has come, or it is not live.
   */
  confirm(key: Fingerprint, epoch: number, server: number, version: number, now: number): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const state = at > 0 ? pages.get(at, record.state) : 0;
    const owned = (state & serverMask) === server && records.look(at, now) === 'live';
    const current = owned && pages.get(at, record.epoch) === epoch;
    if (current) {
      // Once another thread has confirmed it, the new owner may have put a later version than the claim found.
      if (version > 0 && ((state & claiming) !== 0 || (state & copied) === 0)) records.copy(at, version);
      else if (version === 0 && (state & claiming) !== 0) records.uncopy(at);
      pages.set(at, record.state, pages.get(at, record.state) & ~claiming);
    }
    pages.unlock(page);
    return current;
  }

  /** The store keeps this version, put by the owner of that epoch; never goes down within one. False as for `confirm`. */
  copy(key: Fingerprint, epoch: number, version: number, now: number): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const current = records.look(at, now) === 'live' && pages.get(at, record.epoch) === epoch;
    if (current) {
      const before = (pages.get(at, record.state) & copied) !== 0 ? pages.get(at, record.expires) : 0;
      if (version > before) records.copy(at, version);
    }
    pages.unlock(page);
    return current;
  }

  /** The copy of the session does not count any more: a later change could not be kept. */
  uncopy(key: Fingerprint, now: number): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (records.look(at, now) === 'live' && (pages.get(at, record.state) & copied) !== 0) records.uncopy(at);
    pages.unlock(page);
  }

  /**
   * The store says who has the session: right when its epoch is higher than the record's, or the same and the record's owner
   * has only been announced. True when it was taken over. A session that is not live is left to `bind`.
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
   * What the store says of a session that was read from a file (`Entry.unsure`): its owner, or `server` 0 when the store
   * knows nothing, which leaves the file's; and the version of its copy, 0 for none. Of any other session nothing changes.
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
      // A store that knows nothing of the session has not heard of an owner that it has still to be told of either.
      const known = server === 0 ? unsure : unsure | claiming;
      pages.set(at, record.state, pages.get(at, record.state) & ~known);
    }
    pages.unlock(page);
  }

  /**
   * `find` for an exchange that begins: if the session is live, it was seen, it has come back, and one more exchange of
   * it runs, as `out` says then; `leave` when that is over. Not live: nothing has changed, and there is nothing to leave.
   * `isGiven` as for `bind`.
   */
  enter(key: Fingerprint, now: number, out: Entry, isGiven = false): Look {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    let look = records.read(at, now, out);
    if (look === 'live') {
      records.use(at, now, 1, isGiven ? proved | given : proved);
      look = records.read(at, now, out);
    }
    pages.unlock(page);
    return look;
  }

  /**
   * As `enter`, for an exchange that has bound its session itself: that alone is no coming back. False: not live, and
   * there is nothing to leave.
   */
  acquire(key: Fingerprint, now: number): boolean {
    return this.use(key, now, 1, 0);
  }

  /**
   * An exchange that entered is over, and the session was seen. Nothing happens when it has gone meanwhile. If it was the last,
   * and the owner never took a request, the session goes back to its former owner: under that one's own epoch when nobody else
   * has heard of the claim, so that nothing has changed; under a further epoch when the store was told (`announced`). Then the
   * answer is true, the store has to hear of it, and `out` says who has the session.
   */
  leave(key: Fingerprint, now: number, out: Entry, announced = false): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    let mustPublish = false;
    if (records.look(at, now) === 'live') {
      records.use(at, now, -1);
      records.read(at, now, out);
      if (out.former !== 0 && out.inflight === 0) mustPublish = this.giveBack(page, at, now, out, announced);
    }
    pages.unlock(page);
    return mustPublish;
  }

  /** Under the lock: nobody is left who could be accepted. */
  private giveBack(page: number, at: number, now: number, out: Entry, announced: boolean): boolean {
    const { records } = this;
    const { former, steps } = out;
    const unheard = !announced && steps < stepsMask;
    if (former === nobody) {
      if (unheard) records.forget(page, at, header.returned);
      else records.setFormer(at, 0, 0, false);
      return false;
    }
    Atomics.add(this.words, header.returned, 1);
    this.handOver(at, unheard ? out.epoch - steps : out.epoch + 1, former, now, out, announced);
    return announced;
  }

  /**
   * The session came back, for a short exchange that need not count. Worth a call when the second has changed since
   * `Entry.seen`. False: not live.
   */
  touch(key: Fingerprint, now: number): boolean {
    return this.use(key, now, 0, proved);
  }

  /** When the client will forget the session's name: it is 'old' from then on, in flight or not. 0: never. False: not live. */
  setExpires(key: Fingerprint, expires: number, now: number): boolean {
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = this.records.look(at, now) === 'live';
    // Of one that is copied the word is the version: its state outlives the name.
    if (live && (pages.get(at, record.state) & copied) === 0) pages.set(at, record.expires, expires);
    pages.unlock(page);
    return live;
  }

  private use(key: Fingerprint, now: number, inflight: number, state: number): boolean {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = records.look(at, now) === 'live';
    if (live) records.use(at, now, inflight, state);
    pages.unlock(page);
    return live;
  }

  /** Ends the session: dead stays dead for the tombstone's time, from `ended` on. False: it was not live. */
  end(key: Fingerprint, now: number, ended = now): boolean {
    const { pages, records, words } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const live = records.look(at, now) === 'live';
    if (live) {
      const state = pages.get(at, record.state);
      pages.set(at, record.state, (state & ~(serverMask | claiming | unsure)) | tombstone);
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

  /** `end`, also of a session that is not here: the store says that it is over, since `ended`. */
  bury(key: Fingerprint, now: number, ended = now): void {
    if (this.end(key, now, ended)) return;
    const stone = new Entry();
    stone.seen = ended;
    stone.given = true;
    this.restore(key, stone, now);
  }

  /** Takes out a record that nobody needs any more: it would stand in the way of another one. */
  private forgetOver(key: Fingerprint, now: number): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (at > 0 && records.isExpired(at, now)) records.forget(page, at, header.expired);
    pages.unlock(page);
  }

  /** `bury`, when the store could not be told: no time ends it, until `endKept`. */
  beginEnding(key: Fingerprint, now: number): void {
    this.forgetOver(key, now);
    this.bury(key, now);
    this.markEnding(key, ending, now);
  }

  /** The store knows that the session is over: an ordinary tombstone from now on. */
  endKept(key: Fingerprint, now: number): void {
    this.forgetOver(key, now);
    this.bury(key, now);
    this.markEnding(key, 0, now);
  }

  private markEnding(key: Fingerprint, mark: number, now: number): void {
    const { pages } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    const state = at > 0 ? pages.get(at, record.state) : 0;
    if ((state & tombstone) !== 0) {
      pages.set(at, record.seen, now);
      pages.set(at, record.state, (state & ~ending) | mark);
    }
    pages.unlock(page);
  }

  /** What the record says is in doubt: the store is asked before anybody goes by it (`vouch`). Nothing happens when it is not live. */
  doubt(key: Fingerprint, now: number): void {
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    const at = pages.probe(page, key);
    if (records.look(at, now) === 'live') pages.set(at, record.state, pages.get(at, record.state) | unsure);
    pages.unlock(page);
  }

  /** Sessions of that server, those included that have expired and are not yet swept. */
  count(server: number): number {
    return Atomics.load(this.words, this.records.counter(server));
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
    const { pages, records } = this;
    const page = pages.pageOf(key);
    pages.lock(page);
    let at = pages.probe(page, key);
    if (at > 0) {
      if (!records.isExpired(at, now)) {
        pages.unlock(page);
        return false;
      }
      // Not swept yet, and as good as swept.
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
    const look = records.look(-at, now);
    const kept = look === 'live' || look === 'ended';
    if (!kept) records.forget(page, -at, header.expired);
    pages.unlock(page);
    return kept;
  }

  /** After the thread with that number was killed, and before a new one takes the number (recover.ts). */
  recover(writer: number): void {
    recover(this.pages, writer);
  }

  /** Errors of the program, thrown before any lock is taken. */
  private check(server: number, lifetime: number): void {
    if (!(server >= 1 && server <= this.servers)) throw new RangeError(`server number ${server}`);
    if (!(lifetime >= 0 && lifetime < this.lifetimes)) throw new RangeError(`lifetime ${lifetime}`);
  }
}
