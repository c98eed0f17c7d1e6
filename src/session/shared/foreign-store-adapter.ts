/** A store that was made for express-session, as the `store` of strategy shared. */
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
import type { ForeignClient } from '../foreign/foreign-client.ts';
import type { Plain } from '../foreign/foreign-ids.ts';
import { cookieFor } from '../foreign/foreign-store.ts';

/** What such a store keeps of a session, beside the cookie by whose `expires` and `maxAge` it knows how long to keep it. */
interface StoredRecord {
  readonly epoch: number;
  readonly version: number;
  readonly by: string;
  readonly data: string;
}

/**
 * The contract of stores, as far as such a store can keep it. It has no compare-and-set: within this process the operations on a session
 * run one after the other, and one that does not follow the stored version is refused; between two processes there is a moment, between
 * reading and writing, in which the later write wins. A session that is gone counts as ended: but for that moment, nobody can write a later
 * version of it.
 */
export class ForeignStoreAdapter implements Store {
  /** Fixed: such a store does not say when it was emptied. */
  readonly incarnation = 'foreign';
  private readonly client: ForeignClient;
  private readonly now: () => number;
  /** The last operation on a session, by name. */
  private readonly lastOperations = new Map<string, Promise<unknown>>();

  constructor(client: ForeignClient, now: () => number) {
    this.client = client;
    this.now = now;
  }

  async read(key: SessionKey): Promise<Found> {
    return this.found(await this.client.get(nameOf(key)));
  }

  put(key: SessionKey, put: Put): Promise<PutResult> {
    return this.inOrder(key, async () => {
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

  /** Two steps: when the second one fails, the session is stored under both ids, and goes on under the first. */
  rotate(key: SessionKey, to: string, put: Put): Promise<RotateResult> {
    return this.inOrder(key, async () => {
      const found = await this.read(key);
      if (found.state !== 'live') return { state: 'ended' };
      const refused = refuseRotate(found, put);
      if (refused?.state === 'fenced') return refused;
      const next = nameOf({ ...key, id: to });
      await this.client.set(next, this.recordOf(put));
      try {
        await this.client.destroy(nameOf(key));
      } catch (error) {
        // Nobody knows the new id. If it cannot be removed either, it expires.
        await this.client.destroy(next).catch(() => {});
        throw error;
      }
      return { state: 'stored' };
    });
  }

  destroy(key: SessionKey): Promise<EndResult> {
    return this.inOrder(key, async () => {
      await this.client.destroy(nameOf(key));
      return { state: 'ended' };
    });
  }

  touch(key: SessionKey, _epoch: number, ttl: number): Promise<boolean> {
    return this.inOrder(key, async () => {
      const found = await this.client.get(nameOf(key));
      if (this.found(found).state !== 'live') return false;
      await this.client.touch(nameOf(key), { ...found, cookie: this.cookieOf(ttl) });
      return true;
    });
  }

  /** Never called: nobody owns a shared session. */
  claim(): Promise<ClaimResult> {
    return Promise.reject(new StoreError('unavailable', 'claim: a store of express-session knows no owners'));
  }

  /** Such a store removes expired sessions itself, or never. */
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

  private found(session: Plain | null): Found {
    const { limpet, cookie } = session ?? {};
    if (!isStoredRecord(limpet)) return { state: 'none' };
    const expires = Date.parse(String(Object(cookie).expires));
    const data = Buffer.from(limpet.data);
    return {
      state: 'live',
      copy: { owner: 0, ...limpet, data, expires: Number.isNaN(expires) ? this.now() : expires },
    };
  }

  private recordOf({ epoch, version, by, data, ttl }: Put): Plain {
    const limpet: StoredRecord = { epoch, version, by, data: Buffer.from(data).toString() };
    return { cookie: this.cookieOf(ttl), limpet };
  }

  private cookieOf(ttl: number): Plain {
    return cookieFor(ttl, this.now());
  }

  private inOrder<T>(key: SessionKey, work: () => Promise<T>): Promise<T> {
    const name = nameOf(key);
    const result = (this.lastOperations.get(name) ?? Promise.resolve()).then(work);
    const settled = result.catch(() => {});
    this.lastOperations.set(name, settled);
    void settled.then(() => this.lastOperations.get(name) === settled && this.lastOperations.delete(name));
    return result;
  }
}

/** Safe as a file name: some stores make files. */
function nameOf({ pool, id }: SessionKey): string {
  return `${encodeURIComponent(pool)}.${id}`;
}

function isStoredRecord(value: unknown): value is StoredRecord {
  const { epoch, version, by, data } = Object(value);
  return [epoch, version].every(Number.isInteger) && [by, data].every((one) => typeof one === 'string');
}
