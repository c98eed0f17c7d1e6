/**
 * Copies in the memory of this process: as fast as a Map, gone with the process, and bounded.
 *
 *      pools:  name -> id -> Kept { copy | null (a tombstone), expires }
 *      due:    a heap of Kept: when to look whether it has expired. Renewing a session leaves it where it is;
 *              it is moved when its time has come and it lives on. So a put of a known session costs no heap.
 *      strays: sessions that were put once and have not come back since, the oldest first
 *      stones: tombstones, the oldest first
 *      users:  user and pool -> those of its sessions that are kept (also expired ones, until they are forgotten)
 *
 * Room for what is new in a full store is made in this order, each step O(log n), and nothing else ever goes before its time:
 *
 *      1. what has expired
 *      2. beyond half of the store: tombstones, as far as they are older than any request (`stoneFloor`)
 *      3. strays: a flood of clients that never come back displaces itself
 *
 * A session has come back with its second put, or a first of version 2 or more, with a read, a claim, a touch or a rotate of it, and
 * when `eviction.hasReturned` says so.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Aged, AgeList } from './age-list.ts';
import { checkKey, checkPut, checkRotate, checkTime, checkUser } from './check.ts';
import { type Due, DueHeap } from './due-heap.ts';
import { claimed, copyOf, refuseEnd, refusePut, refuseRotate, rotateLatest, type SteppedStore } from './rules.ts';
import {
  type ClaimResult,
  type Copy,
  type EndResult,
  type Eviction,
  type Found,
  mostOfUser,
  type Put,
  type PutResult,
  type RotateResult,
  type SessionId,
  type SessionKey,
  StoreError,
  type StoreOptions,
  type UserHash,
} from './store.ts';
import { UserIndex } from './user-index.ts';

export interface MemoryOptions extends Pick<StoreOptions, 'tombstoneTime' | 'stateBytes'> {
  /** All copies together, as counted: the states, `recordBytes` for each session or tombstone, `userBytes` for each of a user. */
  readonly maxBytes: number;
  readonly eviction: Eviction;
}

interface Kept extends Due, Aged<Kept> {
  readonly pool: Map<SessionId, Kept>;
  readonly key: SessionKey;
  /** null: it has ended. */
  copy: Copy | null;
  /** Unix milliseconds, of the copy or of the tombstone. */
  expires: number;
  /** The list that it is in. */
  list: AgeList<Kept> | null;
}

/** A tombstone younger than this (ms) stays whatever happens: some request of its session may still be under way. */
export const stoneFloor = 10 * 60_000;

/** What a record costs beside its state, measured with a million of them on both runtimes and rounded up. */
export const recordBytes = 1024;

/** What a place in the index by user costs, likewise. */
export const userBytes = 512;

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
  private readonly strays = new AgeList<Kept>();
  private readonly stones = new AgeList<Kept>();
  private readonly users = new UserIndex<Kept>();
  /** Counted as `maxBytes` is; of the strays, too. */
  private bytes = 0;
  private strayBytes = 0;
  private closed = false;

  /** `now`: Unix milliseconds. */
  constructor(options: MemoryOptions, now: () => number) {
    this.options = options;
    this.now = now;
  }

  async read(key: SessionKey): Promise<Found> {
    checkKey(key);
    return this.meet(key, this.now());
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    checkKey(key);
    checkPut(put, this.options.stateBytes);
    const now = this.now();
    const found = this.meet(key, now);
    const refused = refusePut(found, put);
    if (refused !== null) return refused;
    this.keep(key, copyOf(put, now), now, found.state === 'none' && put.version <= 1);
    return stored;
  }

  async claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult> {
    checkKey(key);
    checkTime(ttl);
    const now = this.now();
    const result = claimed(this.meet(key, now), epoch, owner, now + ttl);
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
    const found = this.meet(key, now);
    const refused = refuseRotate(found, put);
    if (refused !== null) return refused;
    const copy = copyOf(put, now);
    this.makeRoom(this.growth(target, copy) + this.growth(key, null), now);
    this.set(target, copy, now, found.state === 'none' && put.version <= 1);
    this.set(key, null, now);
    return stored;
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    checkKey(key);
    checkTime(ttl);
    const now = this.now();
    const found = this.meet(key, now);
    if (found.state !== 'live' || found.copy.epoch > epoch) return false;
    this.keep(key, { ...found.copy, expires: now + ttl }, now);
    return true;
  }

  async ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    checkUser(pool, user);
    this.refuseClosed();
    const now = this.now();
    const ids: SessionId[] = [];
    for (const { key, expires } of this.users.of(pool, user)) {
      if (expires > now && ids.push(key.id) === mostOfUser) break;
    }
    return ids;
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
    this.users.clear();
  }

  private *records(pool?: string): Generator<Kept> {
    const pools = pool === undefined ? this.pools.values() : [this.pools.get(pool) ?? new Map<SessionId, Kept>()];
    for (const sessions of pools) yield* sessions.values();
  }

  /** What has expired is forgotten when it is met: then no rule has to think of it. */
  private find({ pool, id }: SessionKey, now: number): Found {
    this.refuseClosed();
    const kept = this.pools.get(pool)?.get(id);
    if (kept === undefined) return none;
    if (kept.expires > now) return kept.copy === null ? ended : { state: 'live', copy: kept.copy };
    this.forget(kept);
    return none;
  }

  private refuseClosed(): void {
    if (this.closed) throw new StoreError('unavailable', 'the memory store is closed');
  }

  /** As `find`, of a session that somebody asks for: it has come back. */
  private meet(key: SessionKey, now: number): Found {
    const found = this.find(key, now);
    if (this.strays.size > 0 && found.state === 'live') this.enlist(this.pools.get(key.pool)!.get(key.id)!, null);
    return found;
  }

  private enlist(kept: Kept, list: AgeList<Kept> | null): void {
    const { list: before } = kept;
    if (before === list) return;
    if (before === this.strays) this.strayBytes -= sizeOf(kept);
    before?.remove(kept);
    kept.list = list;
    list?.add(kept);
    if (list === this.strays) this.strayBytes += sizeOf(kept);
  }

  /** After `meet`. `copy` null: a tombstone. `stray`: it has yet to come back. Throws before anything has changed. */
  private keep(key: SessionKey, copy: Copy | null, now: number, stray = false): void {
    this.makeRoom(this.growth(key, copy), now);
    this.set(key, copy, now, stray);
  }

  private growth({ pool, id }: SessionKey, copy: Copy | null): number {
    const kept = this.pools.get(pool)?.get(id);
    return copyBytes(copy) + (kept === undefined ? recordBytes : -copyBytes(kept.copy));
  }

  /** What shrinks always fits: ending a session must be possible in a full store. */
  private makeRoom(more: number, now: number): void {
    const { maxBytes, eviction } = this.options;
    while (more > 0 && this.bytes + more > maxBytes) {
      if (this.sweep(now) > 0) continue;
      const stone = this.stones.size * recordBytes > maxBytes / 2 ? this.stones.oldest : null;
      if (stone !== null && now - (stone.expires - this.options.tombstoneTime) >= stoneFloor) {
        this.forget(stone);
        continue;
      }
      const stray = this.strays.oldest;
      // None goes for what would not fit anyway.
      if (stray !== null && this.bytes - this.strayBytes + more <= maxBytes) {
        if (eviction.hasReturned(stray.key)) this.enlist(stray, null);
        else {
          this.forget(stray);
          eviction.onEvicted(stray.key);
        }
        continue;
      }
      throw new StoreError(
        'unavailable',
        `the memory store is full: ${this.bytes} of ${maxBytes} bytes are taken, and ${more} more are needed`,
      );
    }
  }

  private set(key: SessionKey, copy: Copy | null, now: number, stray = false): void {
    this.bytes += this.growth(key, copy);
    const expires = copy === null ? now + this.options.tombstoneTime : copy.expires;
    let pool = this.pools.get(key.pool);
    if (pool === undefined) this.pools.set(key.pool, (pool = new Map<SessionId, Kept>()));
    let kept = pool.get(key.id);
    if (kept === undefined) {
      const itsKey = { pool: key.pool, id: key.id };
      kept = { pool, key: itsKey, copy: null, expires, due: Infinity, index: -1, list: null, older: null, newer: null };
      pool.set(key.id, kept);
    }
    this.enlist(kept, null);
    this.users.move(kept, key.pool, kept.copy?.user, copy?.user);
    kept.copy = copy;
    kept.expires = expires;
    this.enlist(kept, copy === null ? this.stones : stray ? this.strays : null);
    if (expires < kept.due) this.due.set(expires, kept);
  }

  /** One step; answers how many records it had to look at. */
  private sweep(now: number): number {
    for (let n = 0; n < stepSize; n++) {
      const kept = this.due.peek(now);
      if (kept === null) return n;
      if (kept.expires <= now) this.forget(kept);
      else this.due.set(kept.expires, kept);
    }
    return stepSize;
  }

  private forget(kept: Kept): void {
    const { pool, key } = kept;
    this.enlist(kept, null);
    this.users.move(kept, key.pool, kept.copy?.user, undefined);
    this.due.remove(kept);
    pool.delete(key.id);
    if (pool.size === 0) this.pools.delete(key.pool);
    this.bytes -= sizeOf(kept);
  }
}

/** As counted. */
function sizeOf({ copy }: Kept): number {
  return recordBytes + copyBytes(copy);
}

function copyBytes(copy: Copy | null): number {
  return copy === null ? 0 : copy.data.length + (copy.user === undefined ? 0 : userBytes);
}
