/**
 * One record of the table: what it says at a given time, how it is written and how it goes. Whoever calls holds the
 * lock of the record's page, or checks the page's version afterwards (pages.ts).
 *
 * The number of sessions of a server is kept in the same buffer. It goes up before a record names the server and
 * down after the last word that did: whoever reads 0 knows that no record names it.
 */
import {
  claiming,
  copied,
  ending,
  formerShift,
  given,
  header,
  inflightMask,
  lifetimeMask,
  lifetimeShift,
  moving,
  pageWords,
  proved,
  record,
  serverMask,
  stepsMask,
  stepsShift,
  tombstone,
  unsure,
  used,
} from './layout.ts';
import type { Fingerprint, Pages } from './pages.ts';

/**
 * What the table says of a session. ended: a tombstone. idle: unseen for its lifetime. old: beyond its lifetime, or its
 * client has forgotten its name. All but 'live' have no owner.
 */
export type Look = 'none' | 'live' | 'ended' | 'idle' | 'old';

/** What the table knows of one session. Handed in and filled again at each call: nothing is allocated. */
export class Entry {
  /** Server number of the owner; 0: nobody. */
  server = 0;
  /** Generation of that ownership; 0: there is no record. */
  epoch = 0;
  born = 0;
  seen = 0;
  /** When its client forgets the session's name; 0: not told. */
  expires = 0;
  /** Exchanges of the session that run now. */
  inflight = 0;
  /**
   * Server number of its former owner, or `nobody`, who gets it back if the present one never takes a request of it; 0: the
   * present one has.
   */
  former = 0;
  /** It was moved from a former owner that lives. */
  moving = false;
  /** Claims since its former owner had it; 7: that many or more. */
  steps = 0;
  lifetime = 0;
  /** It came back after it was bound. */
  proved = false;
  /** The app or we gave the client its name. */
  given = false;
  /** The store has a copy, of this version; `expires` is 0 then. */
  copied = false;
  version = 0;
  /** The store may not know its owner yet. */
  claiming = false;
  /** What is known of it is in doubt (it was read from a file, say), and the store has not been asked since. */
  unsure = false;
  /** Of one that has ended: the store does not know yet. */
  ending = false;

  clear(): void {
    this.server = this.epoch = this.born = this.seen = this.expires = this.inflight = this.lifetime = 0;
    this.version = this.former = this.steps = 0;
    this.moving = this.proved = this.given = this.ending = this.copied = this.claiming = this.unsure = false;
  }
}

export class Records {
  readonly pages: Pages;
  private readonly words: Int32Array<SharedArrayBuffer>;

  constructor(pages: Pages) {
    this.pages = pages;
    this.words = pages.words;
  }

  /** The word that counts a server's sessions; word 0 of these pages counts nothing. */
  counter(server: number): number {
    return pageWords + server;
  }

  /** Fills `out` from the record at `at`; not positive: there is none. */
  read(at: number, now: number, out: Entry): Look {
    if (at <= 0) {
      out.clear();
      return 'none';
    }
    const { pages } = this;
    const state = pages.load(at, record.state);
    out.server = state & serverMask;
    out.lifetime = (state >>> lifetimeShift) & lifetimeMask;
    out.proved = (state & proved) !== 0;
    out.given = (state & given) !== 0;
    out.epoch = pages.load(at, record.epoch);
    out.born = pages.load(at, record.born);
    out.seen = pages.load(at, record.seen);
    out.copied = (state & copied) !== 0;
    out.claiming = (state & claiming) !== 0;
    out.unsure = (state & unsure) !== 0;
    out.ending = (state & ending) !== 0;
    const expires = pages.load(at, record.expires);
    out.expires = out.copied ? 0 : expires;
    out.version = out.copied ? expires : 0;
    const activity = pages.load(at, record.activity);
    out.inflight = activity & inflightMask;
    out.former = activity >>> formerShift;
    out.moving = (activity & moving) !== 0;
    out.steps = (activity >>> stepsShift) & stepsMask;
    const look = this.judge(state, out.born, out.seen, out.expires, out.inflight, now);
    // A tombstone whose time is over: the same is said as when it has been swept.
    if (look === 'none') out.clear();
    return look;
  }

  look(at: number, now: number): Look {
    if (at <= 0) return 'none';
    const { pages } = this;
    return this.judge(
      pages.get(at, record.state),
      pages.get(at, record.born),
      pages.get(at, record.seen),
      pages.get(at, record.expires),
      pages.get(at, record.activity) & inflightMask,
      now,
    );
  }

  /** A tombstone whose time is over is as good as none. */
  private judge(state: number, born: number, seen: number, expires: number, inflight: number, now: number): Look {
    const { words } = this;
    if ((state & ending) !== 0) return 'ended';
    if ((state & tombstone) !== 0) return now - seen < words[header.tombstoneTime]! ? 'ended' : 'none';
    if (expires > 0 && now >= expires && (state & copied) === 0) return 'old';
    const at = header.lifetime + 2 * ((state >>> lifetimeShift) & lifetimeMask);
    const idle = words[at]!;
    const absolute = words[at + 1]!;
    if (absolute > 0 && now - born >= absolute) return 'old';
    if (idle > 0 && inflight === 0 && now - seen >= idle) return 'idle';
    return 'live';
  }

  /** There is a record, and nobody needs it any more. */
  isExpired(at: number, now: number): boolean {
    if (this.pages.get(at, record.state) === 0) return false;
    const look = this.look(at, now);
    return look !== 'live' && look !== 'ended';
  }

  /** Into a free record; `state` is its last word. */
  write(at: number, key: Fingerprint, state: number, epoch: number, born: number, seen: number, expires: number): void {
    const { pages } = this;
    const server = state & serverMask;
    if (server !== 0) Atomics.add(this.words, this.counter(server), 1);
    pages.set(at, record.hi, key.hi);
    pages.set(at, record.lo, key.lo);
    pages.set(at, record.epoch, epoch);
    pages.set(at, record.born, born);
    pages.set(at, record.seen, seen);
    pages.set(at, record.expires, expires);
    pages.set(at, record.activity, 0);
    pages.set(at, record.state, state | used);
  }

  /** The session came to its server and was seen; `inflight` more exchanges of it run. */
  use(at: number, now: number, inflight: number, state = 0): void {
    const { pages } = this;
    const before = pages.get(at, record.state);
    if ((before | state) >>> 0 !== before) pages.set(at, record.state, before | state);
    if (now > pages.get(at, record.seen)) pages.set(at, record.seen, now);
    if (inflight !== 0) {
      const activity = pages.get(at, record.activity);
      const count = Math.min(inflightMask, Math.max(0, (activity & inflightMask) + inflight));
      pages.set(at, record.activity, (activity & ~inflightMask) | count);
    }
  }

  /** Its owner has not taken a request of it yet: until it does, the session may go back to `former`. 0: it has. */
  setFormer(at: number, former: number, steps: number, moved: boolean): void {
    const { pages } = this;
    const inflight = pages.get(at, record.activity) & inflightMask;
    const away = former === 0 ? 0 : (former << formerShift) | (steps << stepsShift) | (moved ? moving : 0);
    pages.set(at, record.activity, away | inflight);
  }

  /** The store has a copy of this version. */
  copy(at: number, version: number): void {
    const { pages } = this;
    // The flag first: the other way round a thread killed in between would leave a version that passes for a time.
    pages.set(at, record.state, pages.get(at, record.state) | copied);
    pages.set(at, record.expires, version);
  }

  /** The store has no copy that counts. */
  uncopy(at: number): void {
    const { pages } = this;
    pages.set(at, record.expires, 0);
    pages.set(at, record.state, pages.get(at, record.state) & ~copied);
  }

  /** Takes a record out, and counts why; a tombstone has been counted when it was made. */
  forget(page: number, at: number, why: number): void {
    const server = this.pages.get(at, record.state) & serverMask;
    this.pages.remove(page, at);
    if (server === 0) return;
    Atomics.sub(this.words, this.counter(server), 1);
    Atomics.add(this.words, why, 1);
  }
}
