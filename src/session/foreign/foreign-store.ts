/**
 * Stores that were made for express-session (connect-pg-simple, connect-mongo, session-file-store, ...): by promises, and as a `store`
 * of strategy shared.
 */

import { refusePut, refuseRotate } from '../../store/rules.ts';
import {
  type ClaimResult,
  type EndResult,
  type Found,
  type Put,
  type PutResult,
  type RotateResult,
  type SessionKey,
  type Store,
  StoreError,
} from '../../store/store.ts';
import type { Timers } from '../../time/clock.ts';
import { isPlain } from '../data/codec.ts';
import { asError } from '../error.ts';
import type { Plain } from './foreign-ids.ts';

type Done = (error?: unknown) => void;

/** What express-session asks of a store. `touch` may be missing. */
export interface ForeignStore {
  get(id: string, done: (error: unknown, session?: object | null) => void): unknown;
  set(id: string, session: object, done?: Done): unknown;
  destroy(id: string, done?: Done): unknown;
  touch?(id: string, session: object, done?: Done): unknown;
}

export function isForeignStore(store: object): store is ForeignStore {
  const { get, set, destroy, put } = store as Record<string, unknown>;
  return put === undefined && [get, set, destroy].every((method) => typeof method === 'function');
}

/** The same store by promises. Whatever goes wrong is a StoreError `unavailable`, also that it never calls back. */
export class ForeignClient {
  readonly store: ForeignStore;
  private readonly timers: Timers;
  private readonly timeout: number;

  /** `timeout`: milliseconds for one answer. */
  constructor(store: ForeignStore, { timers, timeout }: { timers: Timers; timeout: number }) {
    this.store = store;
    this.timers = timers;
    this.timeout = timeout;
  }

  async get(id: string): Promise<Plain | null> {
    const found = await this.ask<unknown>('get', (done) => this.store.get(id, done));
    return isPlain(found) ? found : null;
  }

  async set(id: string, session: Plain): Promise<void> {
    await this.ask('set', (done) => this.store.set(id, session, done));
  }

  async destroy(id: string): Promise<void> {
    await this.ask('destroy', (done) => this.store.destroy(id, done));
  }

  /** `session`: all of it, for some write it down again. Without `touch` it is set. */
  async touch(id: string, session: Plain): Promise<void> {
    await this.ask('touch', (done) =>
      this.store.touch === undefined ? this.store.set(id, session, done) : this.store.touch(id, session, done),
    );
  }

  private ask<T>(what: string, work: (done: (error?: unknown, value?: T) => void) => unknown): Promise<T | undefined> {
    return new Promise((answer, fail) => {
      const broken = (error: unknown) =>
        fail(new StoreError('unavailable', `${what}: ${asError(error).message}`, { cause: error }));
      const cancel = this.timers.after(this.timeout, () => broken(`no answer within ${this.timeout} ms`));
      try {
        work((error, value) => {
          cancel();
          // As express-session takes it: there is nothing of that name.
          if (error && Object(error).code === 'ENOENT') answer(undefined);
          else if (error) broken(error);
          else answer(value);
        });
      } catch (error) {
        cancel();
        broken(error);
      }
    });
  }
}

/** Beside the cookie, by whose `expires` and `maxAge` such stores know how long to keep a session. */
interface Kept {
  readonly epoch: number;
  readonly version: number;
  readonly by: string;
  readonly data: string;
}

/**
 * The contract of stores as far as a foreign one can keep it. It has no compare-and-set, so within this process a session is asked for
 * one thing at a time, and what follows a wrong version is refused; between two processes there is a moment, between reading and
 * writing, in which the later write wins. What is gone has ended: nobody writes a later version of it, but for that moment.
 */
export class ForeignStoreAdapter implements Store {
  /** Such a store does not say when it was emptied. */
  readonly incarnation = 'foreign';
  private readonly client: ForeignClient;
  private readonly now: () => number;
  /** What is under way, by name. */
  private readonly tails = new Map<string, Promise<unknown>>();

  constructor(client: ForeignClient, now: () => number) {
    this.client = client;
    this.now = now;
  }

  async read(key: SessionKey): Promise<Found> {
    return this.found(await this.client.get(nameOf(key)));
  }

  put(key: SessionKey, put: Put): Promise<PutResult> {
    return this.alone(key, async () => {
      const found = await this.read(key);
      if (found.state === 'none' && put.version > 1) return { state: 'ended' };
      const refused = refusePut(found, put);
      if (refused === null) await this.client.set(nameOf(key), this.recordOf(put));
      return refused ?? { state: 'stored' };
    });
  }

  async ofUser(): Promise<never> {
    throw new StoreError(
      'unavailable',
      'a store of express-session finds no sessions by user, expected redis or lmdb for that',
    );
  }

  /** Two steps: when the second fails the session is under both ids, and the first one goes on. */
  rotate(key: SessionKey, to: string, put: Put): Promise<RotateResult> {
    return this.alone(key, async () => {
      const found = await this.read(key);
      if (found.state !== 'live') return { state: 'ended' };
      const refused = refuseRotate(found, put);
      if (refused?.state === 'fenced') return refused;
      const next = nameOf({ ...key, id: to });
      await this.client.set(next, this.recordOf(put));
      try {
        await this.client.destroy(nameOf(key));
      } catch (error) {
        // Nobody has been told of it. If it stays all the same, it goes with its time.
        await this.client.destroy(next).catch(() => {});
        throw error;
      }
      return { state: 'stored' };
    });
  }

  destroy(key: SessionKey): Promise<EndResult> {
    return this.alone(key, async () => {
      await this.client.destroy(nameOf(key));
      return { state: 'ended' };
    });
  }

  touch(key: SessionKey, _epoch: number, ttl: number): Promise<boolean> {
    return this.alone(key, async () => {
      const found = await this.client.get(nameOf(key));
      if (this.found(found).state !== 'live') return false;
      await this.client.touch(nameOf(key), { ...found, cookie: this.cookieOf(ttl) });
      return true;
    });
  }

  /** Nobody owns a shared session. */
  claim(): Promise<ClaimResult> {
    return Promise.reject(new StoreError('unavailable', 'claim: a store of express-session knows no owners'));
  }

  /** It forgets by itself, or not at all. */
  async expire(): Promise<number> {
    return 0;
  }

  async count(): Promise<number> {
    throw new StoreError('unavailable', 'count: a store of express-session does not know whose its sessions are');
  }

  scan(): AsyncGenerator<never> {
    throw new StoreError('unavailable', 'scan: a store of express-session does not know whose its sessions are');
  }

  async close(): Promise<void> {
    const { store } = this.client;
    if ('close' in store && typeof store.close === 'function') await store.close();
  }

  private found(kept: Plain | null): Found {
    const { limpet, cookie } = kept ?? {};
    if (!isKept(limpet)) return { state: 'none' };
    const expires = Date.parse(String(Object(cookie).expires));
    const data = Buffer.from(limpet.data);
    return {
      state: 'live',
      copy: { owner: 0, ...limpet, data, expires: Number.isNaN(expires) ? this.now() : expires },
    };
  }

  private recordOf({ epoch, version, by, data, ttl }: Put): Plain {
    const limpet: Kept = { epoch, version, by, data: Buffer.from(data).toString() };
    return { cookie: this.cookieOf(ttl), limpet };
  }

  private cookieOf(ttl: number): Plain {
    return cookieFor(ttl, this.now());
  }

  private alone<T>(key: SessionKey, work: () => Promise<T>): Promise<T> {
    const name = nameOf(key);
    const turn = (this.tails.get(name) ?? Promise.resolve()).then(work);
    const tail = turn.catch(() => {});
    this.tails.set(name, tail);
    void tail.then(() => this.tails.get(name) === tail && this.tails.delete(name));
    return turn;
  }
}

/** As stores of express-session look for it: each by another of these names. */
export function cookieFor(ttl: number, now: number): Plain {
  return { originalMaxAge: ttl, maxAge: ttl, expires: new Date(now + ttl), httpOnly: true, path: '/' };
}

/** Some make files of it. */
function nameOf({ pool, id }: SessionKey): string {
  return `${encodeURIComponent(pool)}.${id}`;
}

function isKept(value: unknown): value is Kept {
  const { epoch, version, by, data } = Object(value);
  return [epoch, version].every(Number.isInteger) && [by, data].every((one) => typeof one === 'string');
}
