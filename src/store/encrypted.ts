/**
 * Encrypts what any store keeps: AES-256-GCM, each state under a nonce of its own and bound to its pool and id, so that
 * nobody who can write to the store can give the state of one session to another.
 *
 *      format 1 | nonce 12 | tag 16 | the state, encrypted
 *
 * It also hides the ids, which are secrets (whoever knows one can be the session): the store beneath knows each by another one, a
 * permutation of 128 bits (AES-256 of the one block) under a key of its pool, so that a scan can say what they were. The hashes of
 * users are always hidden like that: whoever has a list of names could find each of them by an unkeyed hash.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { checkKey, checkPut, checkRotate, checkUser } from './check.ts';
import { rotateLatest, type SteppedStore } from './rules.ts';
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
  type UserHash,
} from './store.ts';

const cipher = 'aes-256-gcm';
const idCipher = 'aes-256-ecb';
/** Keys of pools that are kept. */
const mostPools = 1024;
const format = 1;
const nonceSize = 12;
const tagSize = 16;

/** What the store beneath has to take beside a state. */
export const sealBytes = 1 + nonceSize + tagSize;

/** A secret shorter than this could be guessed. */
export const shortestSecret = 16;

export class EncryptedStore implements SteppedStore {
  private readonly store: SteppedStore;
  private readonly stateBytes: number;
  private readonly key: Buffer;
  private readonly hideIds: boolean;
  /** By pool, what its ids and users are hidden with. */
  private readonly idKeys = new Map<string, Buffer>();
  private readonly secret: Uint8Array;

  /** `stateBytes`: of a state as it is handed in; `store` must take `sealBytes` more. Throws a RangeError: the secret is short. */
  constructor(store: SteppedStore, secret: Uint8Array, stateBytes: number, { hideIds = false } = {}) {
    if (secret.length < shortestSecret) {
      throw new RangeError(`secret: found ${secret.length} bytes, expected at least ${shortestSecret}`);
    }
    this.store = store;
    this.stateBytes = stateBytes;
    this.secret = secret;
    this.hideIds = hideIds;
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'limpet store aes-256-gcm', 32));
  }

  get incarnation(): string {
    return this.store.incarnation;
  }

  async read(key: SessionKey): Promise<Found> {
    const found = await this.store.read(this.hidden(key));
    return found.state === 'live' ? { state: 'live', copy: this.open(key, found.copy) } : found;
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    checkPut(put, this.stateBytes);
    return this.store.put(this.hidden(key), this.seal(key, put));
  }

  async claim(...[key, ...rest]: Parameters<SteppedStore['claim']>): Promise<ClaimResult> {
    const result = await this.store.claim(this.hidden(key), ...rest);
    return result.state === 'claimed' ? { ...result, copy: this.open(key, result.copy) } : result;
  }

  async destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    return this.store.destroy(this.hidden(key), epoch);
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return rotateLatest(this, key, to, put);
  }

  async rotateOnce(key: SessionKey, to: SessionId, put: Put): ReturnType<SteppedStore['rotateOnce']> {
    checkRotate(key, to, put, this.stateBytes);
    const next = { pool: key.pool, id: to };
    return this.store.rotateOnce(this.hidden(key), this.hidden(next).id, this.seal(next, put));
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    return this.store.touch(this.hidden(key), epoch, ttl);
  }

  async ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    checkUser(pool, user);
    const ids = await this.store.ofUser(pool, this.turned(pool, user));
    return ids.map((id) => this.shown({ pool, id }).id);
  }

  expire(): Promise<number> {
    return this.store.expire();
  }

  count(pool?: string): Promise<number> {
    return this.store.count(pool);
  }

  async *scan(pool?: string): AsyncGenerator<{ readonly key: SessionKey; readonly copy: Copy }> {
    for await (const found of this.store.scan(pool)) {
      const key = this.shown(found.key);
      yield { key, copy: this.open(key, found.copy) };
    }
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private hidden(key: SessionKey): SessionKey {
    if (!this.hideIds) return key;
    // What is no id has no block of its own.
    checkKey(key);
    return { pool: key.pool, id: this.turned(key.pool, key.id) };
  }

  private shown(key: SessionKey): SessionKey {
    return this.hideIds ? { pool: key.pool, id: this.turnedBack(key.pool, key.id) } : key;
  }

  private turned(pool: string, digits: string): string {
    return turn(createCipheriv(idCipher, this.idKey(pool), null), digits);
  }

  private turnedBack(pool: string, digits: string): string {
    return turn(createDecipheriv(idCipher, this.idKey(pool), null), digits);
  }

  private idKey(pool: string): Buffer {
    const known = this.idKeys.get(pool);
    if (known !== undefined) return known;
    const made = createHmac('sha256', this.secret).update(`limpet store ids ${pool}`).digest();
    if (this.idKeys.size < mostPools) this.idKeys.set(pool, made);
    return made;
  }

  private seal(key: SessionKey, put: Put): Put {
    const nonce = randomBytes(nonceSize);
    const sealing = createCipheriv(cipher, this.key, nonce).setAAD(boundTo(key));
    const body = Buffer.concat([sealing.update(put.data), sealing.final()]);
    const sealed = { ...put, data: Buffer.concat([Buffer.of(format), nonce, sealing.getAuthTag(), body]) };
    return put.user === undefined ? sealed : { ...sealed, user: this.turned(key.pool, put.user) };
  }

  private open(key: SessionKey, copy: Copy): Copy {
    // Only claimed yet: nobody has put anything.
    if (copy.version === 0 && copy.data.length === 0) return copy;
    const { data } = copy;
    try {
      if (data.length < sealBytes || data[0] !== format) throw new Error('it was not encrypted here');
      const opening = createDecipheriv(cipher, this.key, data.subarray(1, 1 + nonceSize), { authTagLength: tagSize });
      opening.setAAD(boundTo(key)).setAuthTag(data.subarray(1 + nonceSize, sealBytes));
      const state = Buffer.concat([opening.update(data.subarray(sealBytes)), opening.final()]);
      const opened = { ...copy, data: new Uint8Array(state) };
      return copy.user === undefined ? opened : { ...opened, user: this.turnedBack(key.pool, copy.user) };
    } catch (error) {
      const message = `a copy in pool ${JSON.stringify(key.pool)} does not decrypt: another secret, or it was changed`;
      throw new StoreError('damaged', message, { cause: error });
    }
  }
}

/** One block, so that it is the same for the same id. */
function turn(cipher: ReturnType<typeof createCipheriv>, digits: string): string {
  cipher.setAutoPadding(false);
  return cipher.update(digits, 'hex', 'hex') + cipher.final('hex');
}

/** Shows whether two secrets are the same, and tells nothing else of them: for a store that has to refuse the wrong one. */
export function keyCheck(secret: Uint8Array): string {
  return Buffer.from(hkdfSync('sha256', secret, '', 'limpet store check', 16)).toString('hex');
}

/** The id has a fixed length, so no two keys make the same bytes. */
function boundTo({ pool, id }: SessionKey): Buffer {
  return Buffer.from(`${id}${pool}`);
}
