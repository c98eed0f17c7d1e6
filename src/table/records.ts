/**
 * One record of the table: what it means at a given time, how it is written, and how it is removed. Callers hold the lock of the
 * record's page, or check the page's version afterwards (pages.ts).
 *
 * The number of sessions of each server is kept in the same buffer. It is raised before a record names the server, and lowered
 * after the last word that did. So when it is 0, no record names the server. The number of those with a copy is kept the other
 * way round: raised after the record, and lowered before it. So a thread that is killed in between leaves a session that seems to
 * have no copy, never one that seems to have one.
 */
import {
  claiming,
  copied,
  counterWords,
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
 * The state of a session in the table. ended: a tombstone. idle: not seen for its idle time. old: beyond its absolute time, or
 * its client no longer has its name. Only a 'live' session has an owner.
 */
export type Lookup = 'none' | 'live' | 'ended' | 'idle' | 'old';

/** What the table knows of one session. Passed in and filled again in each call, so that nothing is allocated. */
export class Entry {
  /** Server number of the owner; 0: none. */
  server = 0;
  /** Generation of that ownership; 0: there is no record. */
  epoch = 0;
  born = 0;
  seen = 0;
  /** When its client no longer has the session's name; 0: not known. */
  expires = 0;
  /** Open exchanges of the session. */
  inflight = 0;
  /**
   * Server number of the former owner, or `nobody`. The former owner gets the session back if the present owner never takes a request
   * of it; 0: the present owner has taken one.
   */
  former = 0;
  /** It was moved from a former owner that is up. */
  moving = false;
  /** Claims since its former owner had it; 7 means 7 or more. */
  steps = 0;
  lifetime = 0;
  /** It came back after it was bound. */
  proved = false;
  /** The app or Limpet gave the client its name. */
  given = false;
  /** The store has a copy of this version; `expires` is then 0. */
  copied = false;
  version = 0;
  /** The store may not know the present owner yet. */
  claiming = false;
  /** The record may be outdated (it was read from a file, for example), and the store has not been queried since. */
  unsure = false;
  /** The session has ended, and the store does not know it yet. */
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
  /** First word of the counters of sessions with a copy. */
  private readonly copies: number;

  constructor(pages: Pages) {
    this.pages = pages;
    this.words = pages.words;
    this.copies = pageWords + counterWords(this.words[header.servers]!);
  }

  /** Index of the word that counts a server's sessions. Word 0 of these pages is not used. */
  counter(server: number): number {
    return pageWords + server;
  }

  /** Index of the word that counts a server's sessions with a copy. */
  copyCounter(server: number): number {
    return this.copies + server;
  }

  /** Writes the word `state` where the owner, or whether there is a copy, may change. */
  setState(at: number, state: number): void {
    const { pages, words } = this;
    const before = ownerWithCopy(pages.get(at, record.state));
    const after = ownerWithCopy(state);
    if (before !== 0 && before !== after) Atomics.sub(words, this.copyCounter(before), 1);
    pages.set(at, record.state, state);
    if (after !== 0 && before !== after) Atomics.add(words, this.copyCounter(after), 1);
  }

  /** Fills `out` from the record at `at`; 0 or less: there is none. */
  read(at: number, now: number, out: Entry): Lookup {
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
    const lookup = this.judge(state, out.born, out.seen, out.expires, out.inflight, now);
    // A tombstone whose time is over: the result is the same as after the sweep.
    if (lookup === 'none') out.clear();
    return lookup;
  }

  lookup(at: number, now: number): Lookup {
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

  /** A tombstone whose time is over counts as no record. */
  private judge(state: number, born: number, seen: number, expires: number, inflight: number, now: number): Lookup {
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

  /** There is a record, and it is not needed any more. */
  isExpired(at: number, now: number): boolean {
    if (this.pages.get(at, record.state) === 0) return false;
    const lookup = this.lookup(at, now);
    return lookup !== 'live' && lookup !== 'ended';
  }

  /** Writes a free record; the word `state` is written last. */
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
    this.setState(at, state | used);
  }

  /** A request of the session came: it was seen, and it has `inflight` more open exchanges. */
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

  /** Until the owner takes a request of it, the session may go back to `former`; 0: the owner has taken one. */
  setFormer(at: number, former: number, steps: number, moved: boolean): void {
    const { pages } = this;
    const inflight = pages.get(at, record.activity) & inflightMask;
    const away = former === 0 ? 0 : (former << formerShift) | (steps << stepsShift) | (moved ? moving : 0);
    pages.set(at, record.activity, away | inflight);
  }

  /** The store has a copy of this version. */
  copy(at: number, version: number): void {
    const { pages } = this;
    // The flag first: in the other order, a thread killed in between would leave a version that is read as a time.
    this.setState(at, pages.get(at, record.state) | copied);
    pages.set(at, record.expires, version);
  }

  /** The store has no valid copy. */
  uncopy(at: number): void {
    const { pages } = this;
    pages.set(at, record.expires, 0);
    this.setState(at, pages.get(at, record.state) & ~copied);
  }

  /** Removes a record, and counts the reason. A tombstone was counted when it was made. */
  forget(page: number, at: number, why: number): void {
    const state = this.pages.get(at, record.state);
    const server = state & serverMask;
    const withCopy = ownerWithCopy(state);
    if (withCopy !== 0) Atomics.sub(this.words, this.copyCounter(withCopy), 1);
    this.pages.remove(page, at);
    if (server === 0) return;
    Atomics.sub(this.words, this.counter(server), 1);
    Atomics.add(this.words, why, 1);
  }
}

/** The owner of a session that has a copy; 0: it has none of both. */
function ownerWithCopy(state: number): number {
  return (state & copied) === 0 ? 0 : state & serverMask;
}
