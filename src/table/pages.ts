/**
 * Pages of records: how threads find, write and remove records in one SharedArrayBuffer without reading half of a change.
 *
 * A writer locks a page: it puts its own number into the page's lock word by compare-and-set, and unlocks it with the next
 * version. A reader takes no lock (this is a sequence lock): it notes the lock word, reads, and reads again when the word has
 * changed or names a writer. It reads with Atomics, and writers write with Atomics. All threads agree on the order of these, so
 * what was read between two equal lock words contains no part of a write. Torn reads are impossible, also on ARM, where plain
 * loads could be moved after the second read of the lock word. (A reader would be wrong only if exactly a multiple of 2^24 changes
 * to one page happened while it was suspended.)
 *
 * Plain loads, which cost a tenth on Node, are enough in two places: under the lock, which orders them; and to find the record
 * that a reader then confirms. So the only possible error is 'none' for a session that was being moved within its page at that
 * moment, and a caller that acts on 'none' binds the session, under the lock.
 *
 * A writer may be killed while it holds a lock (`worker.terminate()`). Nothing here throws or allocates under a lock, so that is
 * the only way. Its number stays in the lock word, and `repair` repairs the page in its place. For that, `state` is the first
 * word of a record to be cleared, and the last to be written.
 */
import { pageWords, record, recordsPerPage, recordWords, used, versionStep, writerMask } from './layout.ts';

/** 64 bits that stand for a session: a keyed hash of its id (fingerprint.ts). Signed or unsigned halves. */
export interface Fingerprint {
  hi: number;
  lo: number;
}

/** Tries before the thread sleeps: a lock holder that is running needs far fewer. */
const spins = 200;

export class Pages {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** First word of the first page. */
  readonly first: number;
  readonly count: number;
  private readonly mark: number;
  /** First word of the bits of the pages that have been written. */
  private readonly written: number;

  /** `writer` is this thread's number, 0 to 254: no two running threads have the same. */
  constructor(words: Int32Array<SharedArrayBuffer>, first: number, count: number, writer: number) {
    this.words = words;
    this.first = first;
    this.count = count;
    this.mark = writer + 1;
    this.written = first + count * pageWords;
  }

  /** The number of the page in which that session is. */
  numberOf(key: Fingerprint): number {
    return Math.floor(((key.hi >>> 0) * this.count) / 0x100000000);
  }

  /** First word of the page in which that session is. The high half chooses the page, the low half the record. */
  pageOf(key: Fingerprint): number {
    return this.first + Math.floor(((key.hi >>> 0) * this.count) / 0x100000000) * pageWords;
  }

  /**
   * First word of page number `n`, 0 to `count` - 1; 0 when no thread has ever written the page. For callers that read all pages:
   * reading a page that was never used would make the system allocate memory for it.
   */
  at(n: number): number {
    const bits = Atomics.load(this.words, this.written + (n >>> 5));
    return (bits & (1 << (n & 31))) === 0 ? 0 : this.first + n * pageWords;
  }

  /** The page's version; -1 while a thread is writing. */
  version(page: number): number {
    const word = Atomics.load(this.words, page) >>> 0;
    return (word & writerMask) === 0 ? word : -1;
  }

  /** Waits for a writer to finish: at first without sleeping, then a millisecond at a time. `tries` counts the caller's tries. */
  pause(page: number, tries: number): void {
    if (tries < spins) return;
    const word = Atomics.load(this.words, page);
    if ((word & writerMask) !== 0) Atomics.wait(this.words, page, word, 1);
  }

  lock(page: number): void {
    for (let tries = 0; !this.tryLock(page); tries++) this.pause(page, tries);
  }

  /** Locks the page if it is free, for a thread that must never wait for another one. */
  tryLock(page: number): boolean {
    const word = Atomics.load(this.words, page);
    if ((word & writerMask) !== 0) return false;
    // The first write of this page (or the 2^24th). Noted before it is locked, so that the lock of a writer that is killed now is found.
    if (word === 0) this.noteWritten((page - this.first) / pageWords);
    return Atomics.compareExchange(this.words, page, word, word | this.mark) === word;
  }

  unlock(page: number): void {
    const word = this.words[page]! & ~writerMask;
    Atomics.store(this.words, page, (word + versionStep) | 0);
  }

  /** First word of the session's record; negative: minus the word of the free record for it; 0: not found, and the page is full. */
  probe(page: number, key: Fingerprint): number {
    const { words } = this;
    const hi = key.hi | 0;
    const lo = key.lo | 0;
    let slot = homeOf(lo);
    for (let n = 0; n < recordsPerPage; n++) {
      const at = page + (slot + 1) * recordWords;
      if (words[at + record.state] === 0) return -at;
      if (words[at + record.lo] === lo && words[at + record.hi] === hi) return at;
      slot = slot + 1 === recordsPerPage ? 0 : slot + 1;
    }
    return 0;
  }

  /** Read without the lock: the record still belongs to that session. */
  confirm(at: number, key: Fingerprint): boolean {
    return this.load(at, record.lo) === key.lo >>> 0 && this.load(at, record.hi) === key.hi >>> 0;
  }

  /** For readers without the lock. */
  load(at: number, field: number): number {
    return Atomics.load(this.words, at + field) >>> 0;
  }

  /** For callers that hold the lock, or that need a hint only. */
  get(at: number, field: number): number {
    return this.words[at + field]! >>> 0;
  }

  set(at: number, field: number, value: number): void {
    Atomics.store(this.words, at + field, value | 0);
  }

  /** Removes a record and closes the gap, so that every probe still ends at the first free record. To be called under the lock. */
  remove(page: number, at: number): void {
    let hole = (at - page) / recordWords - 1;
    this.set(at, record.state, 0);
    let slot = hole;
    for (let n = 1; n < recordsPerPage; n++) {
      slot = slot + 1 === recordsPerPage ? 0 : slot + 1;
      const from = page + (slot + 1) * recordWords;
      if (this.get(from, record.state) === 0) return;
      // A record whose home lies between the hole and itself must not move before its home.
      if (distance(homeOf(this.get(from, record.lo)), slot) < distance(hole, slot)) continue;
      this.copy(from, page + (hole + 1) * recordWords);
      this.set(from, record.state, 0);
      hole = slot;
    }
  }

  private noteWritten(n: number): void {
    Atomics.or(this.words, this.written + (n >>> 5), 1 << (n & 31));
  }

  private copy(from: number, to: number): void {
    for (let field = 0; field < recordWords; field++) {
      if (field !== record.state) this.set(to, field, this.get(from, field));
    }
    this.set(to, record.state, this.get(from, record.state));
  }

  /**
   * Copies the first `fields` words of each session of a page to `into`, from word `to` on, in a consistent state. Answers the word for
   * the next copy, or -1 when a thread was writing the page: try again later. Never waits.
   */
  copySessions(page: number, fields: number, into: Int32Array, to: number): number {
    const { words } = this;
    const version = this.version(page);
    if (version < 0) return -1;
    let next = to;
    for (let at = page + recordWords; at < page + pageWords; at += recordWords) {
      if ((Atomics.load(words, at + record.state) & used) === 0) continue;
      for (let field = 0; field < fields; field++) into[next++] = Atomics.load(words, at + field);
    }
    return this.version(page) === version ? next : -1;
  }

  /**
   * Releases the lock that a dead writer held, and repairs the page: each record is there once, where probes find it. False when
   * `writer` does not hold the lock.
   */
  repair(page: number, writer: number): boolean {
    const { words } = this;
    const word = Atomics.load(words, page);
    if ((word & writerMask) !== writer + 1) return false;
    Atomics.store(words, page, (word & ~writerMask) | this.mark);
    const kept: number[][] = [];
    for (let slot = 0; slot < recordsPerPage; slot++) {
      const at = page + (slot + 1) * recordWords;
      const copy = Array.from({ length: recordWords }, (_, field) => words[at + field]!);
      const isTwin = kept.some((one) => one[record.hi] === copy[record.hi] && one[record.lo] === copy[record.lo]);
      if ((copy[record.state]! & used) !== 0 && !isTwin) kept.push(copy);
      Atomics.store(words, at + record.state, 0);
    }
    for (const copy of kept) {
      const at = -this.probe(page, { hi: copy[record.hi]!, lo: copy[record.lo]! });
      for (const [field, value] of copy.entries()) Atomics.store(words, at + field, value);
    }
    this.unlock(page);
    return true;
  }
}

/** The place in its page at which the search for a record begins. */
function homeOf(lo: number): number {
  return ((lo >>> 16) * recordsPerPage) >>> 16;
}

/** Records from `from` onward to `to`, round the page. */
function distance(from: number, to: number): number {
  return to >= from ? to - from : to - from + recordsPerPage;
}
