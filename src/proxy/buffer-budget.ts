/**
 * The one budget of a worker for the bytes that wait in its memory: answers that clients do not take, requests that are not due
 * yet, bodies kept for a repeat, what servers do not take, tunnels. Each connection has a `BufferAccount`, which is told when it keeps
 * more or fewer; nothing is counted of what the kernel takes at once.
 *
 *      bytes 0 ─────────── crowded at 1/16 ──── scarce at 3/4 ──────────── limit
 *            │ whoever keeps   │ large bodies are   │ no body is kept for a    │ when the loop turn is over, those that
 *            │ is not read     │ read in small      │ repeat, nothing is read  │ keep most and take least are ended,
 *            │ from            │ pieces (net/bun)   │ ahead                    │ down to 7/8: who has taken nothing for a
 *            │                 │                    │                          │ second, and beyond 3/2 all
 *
 * Memory may be twice what is counted: a view keeps all of its buffer alive (`keepable` in net/socket.ts).
 */
import { type Counters, counter } from '../metrics/counters.ts';
import type { Account } from '../net/socket.ts';
import type { Wheel } from '../time/wheel.ts';
import { type Indexed, IndexedSet } from './indexed-set.ts';

/** A client that has taken nothing for this long (ms) is stalled; one that reads takes something within it. */
const stallTime = 1000;
/** Of the limit: so much may be kept while nobody is stalled yet. Beyond it they are ended all the same. */
const overshoot = 1.5;
/** Of the limit: so much is free when some have been ended. */
const spareShare = 1 / 8;

/** Whose bytes they are. */
export interface BufferOwner {
  /** There is no room for what it keeps: it ends, and keeps nothing. May be called again when it did not. */
  giveUp(): void;
}

/** What one connection keeps. */
export class BufferAccount implements Account, Indexed {
  index = -1;
  bytes = 0;
  /** Wheel time (ms) at which it last got rid of something, or began to keep. */
  movedAt = 0;
  readonly keeper: BufferOwner;
  private readonly kept: BufferBudget;

  constructor(kept: BufferBudget, keeper: BufferOwner) {
    this.kept = kept;
    this.keeper = keeper;
  }

  keep(bytes: number): void {
    this.kept.add(this, bytes);
  }

  get crowded(): boolean {
    return this.kept.crowded;
  }
}

export class BufferBudget {
  /** Bytes; another config may change it. */
  limit: number;
  private bytes = 0;
  private readonly wheel: Wheel;
  private readonly counters: Counters;
  private readonly afterTurn: (run: () => void) => void;
  /** Those that keep something. */
  private readonly keeping = new IndexedSet<BufferAccount>();
  private relieving = false;
  /** Wheel time of the last look for somebody to end. */
  private lookedAt = -1;

  /** `afterTurn` as in `Net`: nobody is ended inside of a call of its own. */
  constructor(limit: number, wheel: Wheel, counters: Counters, afterTurn: (run: () => void) => void) {
    this.limit = limit;
    this.wheel = wheel;
    this.counters = counters;
    this.afterTurn = afterTurn;
  }

  /** Those that are read from now may be as slow as those for whom all of this is kept. */
  get crowded(): boolean {
    return this.bytes > this.limit / 16;
  }

  /** What need not be kept is not. */
  get scarce(): boolean {
    return this.bytes > 0.75 * this.limit;
  }

  /** `bytes` negative: fewer. */
  add(keeping: BufferAccount, bytes: number): void {
    if (bytes === 0) return;
    if (bytes < 0 || keeping.bytes === 0) keeping.movedAt = this.wheel.now;
    keeping.bytes += bytes;
    this.bytes += bytes;
    this.counters.add(counter.kept_bytes, bytes);
    if (keeping.bytes === 0) this.keeping.remove(keeping);
    else if (keeping.index < 0) this.keeping.add(keeping);
    if (this.bytes <= this.limit || this.relieving) return;
    // Looked at in this tick of the wheel already, and there was nobody to end yet.
    if (this.lookedAt === this.wheel.now && this.bytes <= overshoot * this.limit) return;
    this.relieving = true;
    this.afterTurn(this.relieve);
  }

  /** A look at all that keep frees an eighth of the budget, or is the last one for a tick. */
  private readonly relieve = (): void => {
    const { now } = this.wheel;
    const weigh = ({ bytes, movedAt }: BufferAccount): number => bytes * (1 + now - movedAt);
    const isStalled = ({ movedAt }: BufferAccount): boolean => now - movedAt >= stallTime;
    this.lookedAt = now;
    if (this.bytes > this.limit) {
      const all = this.keeping.all().sort((a, b) => weigh(b) - weigh(a));
      this.end(all.filter(isStalled), this.limit - spareShare * this.limit);
      if (this.bytes > overshoot * this.limit) this.end(all, this.limit - spareShare * this.limit);
    }
    // Only now: those that end may write a last word, which is kept.
    this.relieving = false;
  };

  private end(candidates: readonly BufferAccount[], target: number): void {
    let any = false;
    for (const keeping of candidates) {
      if (this.bytes <= target) break;
      // Another one's end may have been its own.
      if (keeping.bytes === 0) continue;
      keeping.keeper.giveUp();
      any = true;
    }
    if (any) this.counters.add(counter.kept_bytes_exceeded);
  }
}
