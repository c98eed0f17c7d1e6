/**
 * Copies in the memory of this process: as fast as a Map, gone with the process, and bounded: what is new is refused when
 * they are too many, and nothing that was kept is dropped.
 *
 *      pools:  name -> id -> Kept { copy | null (a tombstone), expires }
 *      due:    a heap of (time, Kept): when to look whether it has expired. Renewing a session leaves it where it is;
 *              it is moved when its time has come and it lives on. So a put of a known session costs no heap.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkKey, checkPut, checkRotate, checkTime } from './check.ts';
import { DueHeap } from './due-heap.ts';
import { claimed, refuseEnd, refusePut, refuseRotate, rotateLatest, type SteppedStore } from './rules.ts';
import {
  type ClaimResult,
  type Copy,
  type EndResult,
  type Found,
  type Put,
  type PutResult,
  type RotateResult,
  type SessionId,
  type SessionKey,
  StoreError,
  type StoreOptions,
} from './store.ts';

export interface MemoryOptions extends Pick<StoreOptions, 'tombstoneTime' | 'stateBytes'> {
  /** All copies together, as counted: the states, and `recordBytes` for each session or tombstone. */
  readonly maxBytes: number;
}

interface Kept {
  readonly pool: Map<SessionId, Kept>;
  readonly key: SessionKey;
  /** null: it has ended. */
  copy: Copy | null;
  /** Unix milliseconds, of the copy or of the tombstone. */
  expires: number;
  /** Time of its one place in the heap that counts. */
  due: number;
}

/** What a record costs beside its state, measured with a million of them on both runtimes and rounded up. */
export const recordBytes = 1024;

/** Records looked at in one step of `expire`: well under a millisecond. */
const stepSize = 500;

/** Records counted before others get a turn. */
const turnSize = 20_000;

const none: Found = { state: 'none' };
const ended = { state: 'ended' } as const;
const stored = { state: 'stored' } as const;

export class MemoryStore implements SteppedStore {
  readonly incarnation: string = randomUUID();
  private readonly options: MemoryOptions;
  private readonly now: () => number;
  private readonly pools = new Map<string, Map<SessionId, Kept>>();
  private readonly due = new DueHeap<Kept>();
  /** Counted as `maxBytes` is. */
  private bytes = 0;
  private closed = false;

  /** `now`: Unix milliseconds. */
  constructor(options: MemoryOptions, now: () => number) {
    this.options = options;
    this.now = now;
  }

  async read(key: SessionKey): Promise<Found> {
    checkKey(key);
    return this.find(key, this.now());
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    checkKey(key);
    checkPut(put, this.options.stateBytes);
    const now = this.now();
    const refused = refusePut(this.find(key, now), put);
    if (refused !== null) return refused;
    this.keep(key, copyOf(put, now), now);
    return stored;
  }

  async claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult> {
    checkKey(key);
    checkTime(ttl);
    const now = this.now();
    const result = claimed(this.find(key, now), epoch, owner, now + ttl);
    if (result.state === 'claimed') this.keep(key, result.copy, now);
    return result;
  }

  async destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    checkKey(key);
    const now = this.now();
    const refused = refuseEnd(this.find(key, now), epoch);
    if (refused !== null) return refused;
    this.keep(key, null, now);
    return ended;
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return rotateLatest(this, key, to, put);
  }

  async rotateOnce(key: SessionKey, to: SessionId, put: Put): ReturnType<SteppedStore['rotateOnce']> {
    checkRotate(key, to, put, this.options.stateBytes);
    const now = this.now();
    const target = { pool: key.pool, id: to };
    if (this.find(target, now).state !== 'none') return { state: 'taken' };
    const refused = refuseRotate(this.find(key, now), put);
    if (refused !== null) return refused;
    const copy = copyOf(put, now);
    this.makeRoom(this.growth(target, copy) + this.growth(key, null), now);
    this.set(target, copy, now);
    this.set(key, null, now);
    return stored;
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    checkKey(key);
    checkTime(ttl);
    const now = this.now();
    const found = this.find(key, now);
    if (found.state !== 'live' || found.copy.epoch > epoch) return false;
    this.keep(key, { ...found.copy, expires: now + ttl }, now);
    return true;
  }

  async expire(): Promise<number> {
    return this.sweep(this.now());
  }

  async count(pool?: string): Promise<number> {
    const now = this.now();
    let seen = 0;
    let live = 0;
    for (const { copy, expires } of this.records(pool)) {
      // What has expired does not live, although nobody has swept it yet.
      if (copy !== null && expires > now) live++;
      if (++seen % turnSize === 0) await nextTurn();
    }
    return live;
  }

  async *scan(pool?: string): AsyncGenerator<{ readonly key: SessionKey; readonly copy: Copy }> {
    for (const { key, copy, expires } of this.records(pool)) {
      if (copy !== null && expires > this.now()) yield { key, copy };
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.pools.clear();
  }

  private *records(pool?: string): Generator<Kept> {
    const pools = pool === undefined ? this.pools.values() : [this.pools.get(pool) ?? new Map<SessionId, Kept>()];
    for (const sessions of pools) yield* sessions.values();
  }

  /** What has expired is forgotten when it is met: then no rule has to think of it. */
  private find({ pool, id }: SessionKey, now: number): Found {
    if (this.closed) throw new StoreError('unavailable', 'the memory store is closed');
    const kept = this.pools.get(pool)?.get(id);
    if (kept === undefined) return none;
    if (kept.expires > now) return kept.copy === null ? ended : { state: 'live', copy: kept.copy };
    this.forget(kept);
    return none;
  }

  /** After `find`. `copy` null: a tombstone. Throws before anything has changed. */
  private keep(key: SessionKey, copy: Copy | null, now: number): void {
    this.makeRoom(this.growth(key, copy), now);
    this.set(key, copy, now);
  }

  private growth({ pool, id }: SessionKey, copy: Copy | null): number {
    const kept = this.pools.get(pool)?.get(id);
    return (copy?.data.length ?? 0) + (kept === undefined ? recordBytes : -(kept.copy?.data.length ?? 0));
  }

  /** What shrinks always fits: ending a session must be possible in a full store. */
  private makeRoom(more: number, now: number): void {
    const { maxBytes } = this.options;
    while (more > 0 && this.bytes + more > maxBytes) {
      if (this.sweep(now) > 0) continue;
      throw new StoreError(
        'unavailable',
        `the memory store is full: ${this.bytes} of ${maxBytes} bytes are taken, and ${more} more are needed`,
      );
    }
  }

  private set(key: SessionKey, copy: Copy | null, now: number): void {
    this.bytes += this.growth(key, copy);
    const expires = copy === null ? now + this.options.tombstoneTime : copy.expires;
    let pool = this.pools.get(key.pool);
    if (pool === undefined) this.pools.set(key.pool, (pool = new Map<SessionId, Kept>()));
    let kept = pool.get(key.id);
    if (kept === undefined) {
      pool.set(key.id, (kept = { pool, key: { pool: key.pool, id: key.id }, copy, expires, due: Infinity }));
    }
    kept.copy = copy;
    kept.expires = expires;
    if (expires < kept.due) this.enqueue(kept);
  }

  private enqueue(kept: Kept): void {
    kept.due = kept.expires;
    this.due.push(kept.due, kept);
  }

  /** One step; answers how many records it had to look at. */
  private sweep(now: number): number {
    for (let n = 0; n < stepSize; n++) {
      const kept = this.due.pop(now);
      if (kept === null) return n;
      // Forgotten already when it was met; or it lives on, or has a later place in the heap, too.
      if (kept.pool.get(kept.key.id) !== kept) continue;
      if (kept.expires <= now) this.forget(kept);
      else if (kept.due <= now) this.enqueue(kept);
    }
    return stepSize;
  }

  private forget({ pool, key, copy }: Kept): void {
    pool.delete(key.id);
    if (pool.size === 0) this.pools.delete(key.pool);
    this.bytes -= recordBytes + (copy?.data.length ?? 0);
  }
}

function copyOf({ owner, epoch, version, by, data, ttl }: Put, now: number): Copy {
  // A view may stand in a much larger buffer, which it would keep alive.
  return { owner, epoch, version, by, data: new Uint8Array(data), expires: now + ttl };
}
