/**
 * One budget per worker for the bytes that wait in its memory: responses that clients do not take, requests that are not due yet,
 * bodies kept for a retry, what servers do not take, tunnels. Each connection has a `BufferAccount`, which is told when it buffers more
 * or fewer bytes. What the kernel takes at once is not counted.
 *
 *      bytes 0 ─────────── crowded at 1/16 ──── scarce at 3/4 ──────────── limit
 *            │ who buffers     │ large bodies are   │ no body is kept for a    │ at the end of the loop turn the owners of
 *            │ is not read     │ read in small      │ retry, nothing is read   │ most bytes that take least are ended, down
 *            │ from            │ pieces (net/bun)   │ ahead                    │ to 7/8: those that have taken nothing for
 *            │                 │                    │                          │ a second, and beyond 3/2 any
 *
 * Memory may be twice what is counted: a view keeps all of its buffer alive (`keepable` in net/socket.ts).
 */
import { type Counters, counter } from '../metrics/counters.ts';
import type { Account } from '../net/socket.ts';
import type { Wheel } from '../time/wheel.ts';
import { type Indexed, IndexedSet } from './indexed-set.ts';

/** A client that has taken nothing for this long is stalled; one that reads takes something within it. */
const stallMs = 1000;
/** Up to this multiple of the limit nobody is ended who is not stalled. Beyond it anybody may be. */
const overshoot = 1.5;
/** Part of the limit that is free again once some have been ended. */
const freedShare = 1 / 8;

/** The connection, or tunnel, whose bytes they are. */
export interface BufferOwner {
  /** There is no room for what it buffers: it must end, and buffer nothing. May be called again if it did not. */
  onBuffersFull(): void;
}

/** What one owner buffers. */
export class BufferAccount implements Account, Indexed {
  index = -1;
  bytes = 0;
  /** Wheel time (ms) at which it last got rid of bytes, or began to buffer. */
  progressAt = 0;
  readonly owner: BufferOwner;
  private readonly budget: BufferBudget;

  constructor(budget: BufferBudget, owner: BufferOwner) {
    this.budget = budget;
    this.owner = owner;
  }

  addBuffered(bytes: number): void {
    this.budget.add(this, bytes);
  }

  get crowded(): boolean {
    return this.budget.crowded;
  }
}

export class BufferBudget {
  /** Bytes; a reload may change it. */
  limit: number;
  private bytes = 0;
  private readonly wheel: Wheel;
  private readonly counters: Counters;
  private readonly afterTurn: (run: () => void) => void;
  /** Those that buffer something. */
  private readonly accounts = new IndexedSet<BufferAccount>();
  /** `relieve` runs, or is going to when the loop turn is over. */
  private isRelieving = false;
  /** Wheel time at which `relieve` ran last. */
  private relievedAt = -1;

  /** `afterTurn` as in `Net`: an owner is never ended from inside a call of its own. */
  constructor(limit: number, wheel: Wheel, counters: Counters, afterTurn: (run: () => void) => void) {
    this.limit = limit;
    this.wheel = wheel;
    this.counters = counters;
    this.afterTurn = afterTurn;
  }

  /** Whoever is read from now on may be as slow as those for whom all of this is buffered. */
  get crowded(): boolean {
    return this.bytes > this.limit / 16;
  }

  /** What need not be buffered must not be. */
  get scarce(): boolean {
    return this.bytes > 0.75 * this.limit;
  }

  /** `bytes` negative: fewer. */
  add(account: BufferAccount, bytes: number): void {
    if (bytes === 0) return;
    if (bytes < 0 || account.bytes === 0) account.progressAt = this.wheel.now;
    account.bytes += bytes;
    this.bytes += bytes;
    this.counters.add(counter.kept_bytes, bytes);
    if (account.bytes === 0) this.accounts.remove(account);
    else if (account.index < 0) this.accounts.add(account);
    if (this.bytes <= this.limit || this.isRelieving) return;
    // In this tick of the wheel all accounts have been checked already, and nobody was stalled.
    if (this.relievedAt === this.wheel.now && this.bytes <= overshoot * this.limit) return;
    this.isRelieving = true;
    this.afterTurn(this.relieve);
  }

  /** Goes over all accounts: either that frees an eighth of the budget, or it is not done again within this tick. */
  private readonly relieve = (): void => {
    const { now } = this.wheel;
    const weigh = ({ bytes, progressAt }: BufferAccount): number => bytes * (1 + now - progressAt);
    const isStalled = ({ progressAt }: BufferAccount): boolean => now - progressAt >= stallMs;
    this.relievedAt = now;
    if (this.bytes > this.limit) {
      const all = this.accounts.all().sort((a, b) => weigh(b) - weigh(a));
      this.end(all.filter(isStalled), this.limit - freedShare * this.limit);
      if (this.bytes > overshoot * this.limit) this.end(all, this.limit - freedShare * this.limit);
    }
    // Only now: an owner that ends may write a last response, which is counted.
    this.isRelieving = false;
  };

  private end(candidates: readonly BufferAccount[], targetBytes: number): void {
    let hasEnded = false;
    for (const account of candidates) {
      if (this.bytes <= targetBytes) break;
      // The end of another owner may have been its own.
      if (account.bytes === 0) continue;
      account.owner.onBuffersFull();
      hasEnded = true;
    }
    if (hasEnded) this.counters.add(counter.kept_bytes_exceeded);
  }
}
