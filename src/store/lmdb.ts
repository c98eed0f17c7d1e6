/**
 * Copies in a folder of this machine (LMDB): they survive the balancer, and several threads and processes share them. Each
 * operation reads a record, decides, and writes if the record is still the same: its number in LMDB changes with every
 * write. Writes that are asked in one turn of the loop are one commit, done in a thread of LMDB's own.
 *
 * Not with lmdb-js's transactions that run a function of ours inside: those of 3.5 were seen never to call it, on Node 26 and
 * on Bun 1.4 alike.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RootDatabase, Transaction } from 'lmdb';
import { checkKey, checkPut, checkRotate, checkTime, checkUser } from './check.ts';
import { failed, ignored, isDamage, noop, textOf } from './lmdb-errors.ts';
import { checkLmdbFile } from './lmdb-file.ts';
import { closeFiles, prepareFolder } from './lmdb-folder.ts';
import {
  decodeRecord,
  dueKey,
  encodeRecord,
  idOfKey,
  type LmdbRecord,
  poolRange,
  recordKey,
  recordKeyOf,
  recordKeyOfUser,
  sessionOf,
  userKey,
  userRange,
} from './lmdb-record.ts';
import { claimed, copyOf, refuseEnd, refusePut, refuseRotate, rotateLatest, type SteppedStore } from './rules.ts';
import {
  type ClaimResult,
  type Copy,
  type EndResult,
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

export interface LmdbOptions extends Pick<StoreOptions, 'tombstoneTime' | 'stateBytes'> {
  /** Folder; made if it is not there. */
  readonly path: string;
  /** Answers come when a change is on the disk. False: when it is written, which outlives the process but not the machine. */
  readonly sync: boolean;
  /** Shows which key the copies are encrypted with, and not the key (encrypted.ts, `keyCheck`). Left out: they are not. */
  readonly check?: string;
}

type Database = RootDatabase<Buffer, Buffer>;

/** A record as it was read; `number` null: there is none. */
interface Seen {
  readonly key: Buffer;
  readonly number: number | null;
  readonly record: LmdbRecord | null;
  readonly found: Found;
}

/** What an operation makes of what it finds; `copy` left out: nothing; null: a tombstone. */
interface Decision<T> {
  readonly result: T;
  readonly copy?: Copy | null;
}

const format = 'limpet sessions 2';
/** Of versions that kept ids and states as they are. */
const plainFormat = 'limpet sessions 1';
const metaKey = Buffer.from('m');
const stepSize = 200;
const stored = { state: 'stored' } as const;

export class LmdbStore implements SteppedStore {
  readonly incarnation: string;
  private readonly db: Database;
  private readonly options: LmdbOptions;
  private readonly now: () => number;
  private number = randomInt(2 ** 48 - 1);
  private closed = false;
  /** Somebody listens to the commit that this turn begins. */
  private catches = false;

  private constructor(db: Database, incarnation: string, options: LmdbOptions, now: () => number) {
    this.db = db;
    this.incarnation = incarnation;
    this.options = options;
    this.now = now;
  }

  /** `now`: Unix milliseconds. Throws a StoreError: the package is missing, the folder cannot be used, or it is damaged. */
  static async open(options: LmdbOptions, now: () => number): Promise<LmdbStore> {
    const { open } = await import('lmdb').catch((error: unknown) => {
      throw new StoreError('unavailable', 'the store lmdb: needs the package lmdb (npm install lmdb)', {
        cause: error,
      });
    });
    const { path, sync, check = 'plain' } = options;
    try {
      prepareFolder(path);
      await checkLmdbFile(path);
      const settings = {
        path,
        noSubdir: false,
        useVersions: true,
        cache: false,
        noSync: !sync,
        overlappingSync: false,
      };
      const db: Database = open({ ...settings, encoding: 'binary', keyEncoding: 'binary' });
      closeFiles(path);
      return new LmdbStore(db, await readMeta(db, path, check), options, now);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError('unavailable', `the store ${path} cannot be opened: ${textOf(error)}`, { cause: error });
    }
  }

  async read(key: SessionKey): Promise<Found> {
    checkKey(key);
    return this.find(recordKey(key), this.now()).found;
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    checkKey(key);
    checkPut(put, this.options.stateBytes);
    return this.change<PutResult>(key, (found, now) => {
      const refused = refusePut(found, put);
      return refused === null ? { result: stored, copy: copyOf(put, now) } : { result: refused };
    });
  }

  async claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult> {
    checkKey(key);
    checkTime(ttl);
    return this.change<ClaimResult>(key, (found, now) => {
      const result = claimed(found, epoch, owner, now + ttl);
      return result.state === 'claimed' ? { result, copy: result.copy } : { result };
    });
  }

  async destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    checkKey(key);
    return this.change<EndResult>(key, (found) => {
      const refused = refuseEnd(found, epoch);
      return refused === null ? { result: { state: 'ended' }, copy: null } : { result: refused };
    });
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return rotateLatest(this, key, to, put);
  }

  async rotateOnce(key: SessionKey, to: SessionId, put: Put): ReturnType<SteppedStore['rotateOnce']> {
    checkRotate(key, to, put, this.options.stateBytes);
    const target = recordKey({ pool: key.pool, id: to });
    for (;;) {
      const now = this.now();
      const there = this.find(target, now);
      if (there.found.state !== 'none') return { state: 'taken' };
      const here = this.find(recordKey(key), now);
      const refused = refuseRotate(here.found, put);
      if (refused !== null) return refused;
      const done = await this.write(here, (also) => {
        const both = () => {
          this.set(there, copyOf(put, now), now);
          this.set(here, null, now);
        };
        also.push(this.ifSame(there, both));
      });
      if (done) return stored;
    }
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    checkKey(key);
    checkTime(ttl);
    return this.change<boolean>(key, (found, now) => {
      if (found.state !== 'live' || found.copy.epoch > epoch) return { result: false };
      return { result: true, copy: { ...found.copy, expires: now + ttl } };
    });
  }

  async ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    checkUser(pool, user);
    const ids: SessionId[] = [];
    for await (const key of this.keysOf(pool, user)) {
      const { found } = this.find(recordKeyOfUser(key), this.now());
      if (found.state === 'live' && found.copy.user === user && ids.push(idOfKey(key)) === mostOfUser) break;
    }
    return ids;
  }

  async expire(): Promise<number> {
    this.refuseClosed();
    const now = this.now();
    const range = { start: Buffer.from('x'), end: dueKey(now, Buffer.of(0, 255)), limit: stepSize };
    const due = this.range((transaction) => [...this.db.getKeys({ ...range, transaction })]);
    await Promise.all(due.map((key) => this.pass(key, now)));
    return due.length;
  }

  async count(pool?: string): Promise<number> {
    let live = 0;
    for await (const _ of this.scan(pool)) live++;
    return live;
  }

  async *scan(pool?: string): AsyncGenerator<{ readonly key: SessionKey; readonly copy: Copy }> {
    const { start, end } = poolRange(pool);
    for (let from = start, first = true; ; first = false) {
      this.refuseClosed();
      // A piece at a time: an open cursor would keep all pages that change meanwhile.
      const range = { start: from, end, exclusiveStart: !first, limit: stepSize };
      const entries = this.range((transaction) =>
        [...this.db.getRange({ ...range, transaction })].map(({ key, value }) => ({ key, value })),
      );
      const now = this.now();
      for (const { key, value } of entries) {
        const record = decodeOrNull(value);
        if (record?.copy != null && record.expires > now) yield { key: sessionOf(key), copy: record.copy };
      }
      if (entries.length < stepSize) return;
      from = entries.at(-1)!.key;
      await nextTurn();
    }
  }

  /** Of the index by user. */
  private async *keysOf(pool: string, user: UserHash): AsyncGenerator<Buffer> {
    const { start, end } = userRange(pool, user);
    for (let from = start, first = true; ; first = false) {
      this.refuseClosed();
      const range = { start: from, end, exclusiveStart: !first, limit: stepSize };
      const keys = this.range((transaction) => [...this.db.getKeys({ ...range, transaction })]);
      yield* keys;
      if (keys.length < stepSize) return;
      from = keys.at(-1)!;
      await nextTurn();
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      await this.db.close();
    } catch {
      // It has waited for a last commit, and that one failed: whoever asked for it was told.
    }
  }

  private refuseClosed(): void {
    if (this.closed) throw new StoreError('unavailable', `the store ${this.options.path} is closed`);
  }

  private find(key: Buffer, now: number): Seen {
    this.refuseClosed();
    const entry = this.look(() => {
      // Else it would see what was there at the beginning of this turn, and not what another thread has claimed since.
      this.db.resetReadTxn();
      return this.db.getEntry(key);
    });
    if (entry === undefined) return { key, number: null, record: null, found: { state: 'none' } };
    const record = decodeRecord(entry.value);
    return { key, number: entry.version ?? null, record, found: foundOf(record, now) };
  }

  /** Decides anew as long as others change the record between the look and the write. */
  private async change<T>(session: SessionKey, decide: (found: Found, now: number) => Decision<T>): Promise<T> {
    const key = recordKey(session);
    for (;;) {
      const now = this.now();
      const seen = this.find(key, now);
      const { result, copy } = decide(seen.found, now);
      if (copy === undefined || (await this.write(seen, () => this.set(seen, copy, now)))) return result;
    }
  }

  /** False: the record, or one that `change` depends on `also`, is another by now, and nothing was done. */
  private async write(seen: Seen, change: (also: Promise<boolean>[]) => void): Promise<boolean> {
    const also: Promise<boolean>[] = [];
    try {
      const done = this.ifSame(seen, () => change(also));
      // Awaited all at once: when a commit fails, each of them does.
      return (await Promise.all([done, ...also])).every(Boolean);
    } catch (error) {
      throw await failed(error, this.options.path);
    }
  }

  /** What LMDB throws when it reads (pages that were damaged) is a failure of the store, like one of a write. */
  private look<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const code = isDamage(error) ? 'damaged' : 'unavailable';
      throw new StoreError(code, `the store ${this.options.path} cannot be read: ${textOf(error)}`, { cause: error });
    }
  }

  /** As `look`, of many keys: with a cursor. */
  private range<T>(read: (transaction: Transaction) => T): T {
    this.db.resetReadTxn();
    const transaction = this.db.useReadTransaction();
    try {
      return this.look(() => read(transaction));
    } catch (error) {
      // A cursor that fails keeps its hold of the transaction, and all later reads would get the broken one (MDB_BAD_TXN).
      transaction.done();
      throw error;
    } finally {
      transaction.done();
    }
  }

  private ifSame({ key, number }: Seen, change: () => void): Promise<boolean> {
    const done = number === null ? this.db.ifNoExists(key, change) : this.db.ifVersion(key, number, change);
    this.catchCommit();
    return done;
  }

  /**
   * At the end of the turn lmdb-js begins the commit with a promise that nobody gets (write.js, `writeBatchStart`). It is rejected
   * when the commit fails, and would end the process. Its own immediate is the one just before this one.
   */
  private catchCommit(): void {
    if (this.catches) return;
    this.catches = true;
    setImmediate(() => {
      this.catches = false;
      this.db.committed.then(noop, noop);
    });
  }

  private set({ key, record }: Seen, copy: Copy | null, now: number): void {
    const expires = copy === null ? now + this.options.tombstoneTime : copy.expires;
    const due = record === null ? expires : Math.min(record.due, expires);
    if (record !== null && due !== record.due) ignored(this.db.remove(dueKey(record.due, key)));
    if (due !== record?.due) ignored(this.db.put(dueKey(due, key), Buffer.alloc(0), 1));
    this.index(key, record?.copy?.user, copy?.user);
    ignored(this.db.put(key, encodeRecord({ copy, expires, due }), ++this.number));
  }

  /** Within the write of the record. */
  private index(key: Buffer, before: UserHash | undefined, user: UserHash | undefined): void {
    if (before === user) return;
    if (before !== undefined) ignored(this.db.remove(userKey(before, key)));
    if (user !== undefined) ignored(this.db.put(userKey(user, key), Buffer.alloc(0), 1));
  }

  /** The time has come to look at one: it is forgotten, or waits for its new time. */
  private async pass(due: Buffer, now: number): Promise<void> {
    const key = recordKeyOf(due);
    const entry = this.look(() => this.db.getEntry(key));
    const record = entry === undefined ? null : decodeOrNull(entry.value);
    if (record === null) {
      try {
        const gone = [this.db.remove(due), ...(entry === undefined ? [] : [this.db.remove(key)])];
        this.catchCommit();
        await Promise.all(gone);
      } catch (error) {
        throw await failed(error, this.options.path);
      }
      return;
    }
    await this.write({ key, number: entry?.version ?? null, record, found: { state: 'none' } }, () => {
      ignored(this.db.remove(due));
      if (record.expires <= now) {
        this.index(key, record.copy?.user, undefined);
        ignored(this.db.remove(key));
      } else {
        ignored(this.db.put(dueKey(record.expires, key), Buffer.alloc(0), 1));
        ignored(this.db.put(key, encodeRecord({ ...record, due: record.expires }), ++this.number));
      }
    });
  }
}

/** Answers the incarnation; the first who opens the folder makes it, and says which key it has. */
async function readMeta(db: Database, path: string, check: string): Promise<string> {
  try {
    const made = db.ifNoExists(metaKey, () =>
      ignored(db.put(metaKey, Buffer.from(`${format} ${randomUUID()} ${check}`), 1)),
    );
    setImmediate(() => void db.committed.then(noop, noop));
    await made;
  } catch (error) {
    throw await failed(error, path);
  }
  db.resetReadTxn();
  const meta = db.get(metaKey)?.toString() ?? '';
  const [incarnation = '', found] = meta.startsWith(`${format} `) ? meta.slice(format.length + 1).split(' ') : [];
  if (found === check) return incarnation;
  await db.close();
  const anew = `remove the folder to begin with an empty store (its sessions begin anew)`;
  if (found !== undefined) {
    const text =
      'is encrypted with another key: bring that one back (sessions.encrypt, or store.key of its stateDir), or';
    throw new StoreError('damaged', `the store ${path} ${text} ${anew}`);
  }
  if (meta.startsWith(`${plainFormat} `)) {
    throw new StoreError('damaged', `the store ${path} is of an older version, which did not encrypt it: ${anew}`);
  }
  throw new StoreError('damaged', `the store ${path}: found the format "${meta.slice(0, 40)}", expected "${format}"`);
}

function foundOf({ copy, expires }: LmdbRecord, now: number): Found {
  if (expires <= now) return { state: 'none' };
  return copy === null ? { state: 'ended' } : { state: 'live', copy };
}

/** null: damaged, and nobody could ever have read it: whoever goes through all passes it over. */
function decodeOrNull(bytes: Buffer): LmdbRecord | null {
  try {
    return decodeRecord(bytes);
  } catch {
    return null;
  }
}
