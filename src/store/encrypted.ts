/**
 * Encrypts what any store keeps: AES-256-GCM, each state under a nonce of its own and bound to its pool and id, so that
 * nobody who can write to the store can give the state of one session to another.
 *
 *      format 1 | nonce 12 | tag 16 | the state, encrypted
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { checkPut, checkRotate } from './check.ts';
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
} from './store.ts';

const cipher = 'aes-256-gcm';
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

  /** `stateBytes`: of a state as it is handed in; `store` must take `sealBytes` more. Throws a RangeError: the secret is short. */
  constructor(store: SteppedStore, secret: Uint8Array, stateBytes: number) {
    if (secret.length < shortestSecret) {
      throw new RangeError(`secret: found ${secret.length} bytes, expected at least ${shortestSecret}`);
    }
    this.store = store;
    this.stateBytes = stateBytes;
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'limpet store aes-256-gcm', 32));
  }

  get incarnation(): string {
    return this.store.incarnation;
  }

  async read(key: SessionKey): Promise<Found> {
    const found = await this.store.read(key);
    return found.state === 'live' ? { state: 'live', copy: this.open(key, found.copy) } : found;
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    checkPut(put, this.stateBytes);
    return this.store.put(key, this.seal(key, put));
  }

  async claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult> {
    const result = await this.store.claim(key, epoch, owner, ttl);
    return result.state === 'claimed' ? { state: 'claimed', copy: this.open(key, result.copy) } : result;
  }

  destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    return this.store.destroy(key, epoch);
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return rotateLatest(this, key, to, put);
  }

  async rotateOnce(key: SessionKey, to: SessionId, put: Put): ReturnType<SteppedStore['rotateOnce']> {
    checkRotate(key, to, put, this.stateBytes);
    return this.store.rotateOnce(key, to, this.seal({ pool: key.pool, id: to }, put));
  }

  touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    return this.store.touch(key, epoch, ttl);
  }

  expire(): Promise<number> {
    return this.store.expire();
  }

  count(pool?: string): Promise<number> {
    return this.store.count(pool);
  }

  async *scan(pool?: string): AsyncGenerator<{ readonly key: SessionKey; readonly copy: Copy }> {
    for await (const { key, copy } of this.store.scan(pool)) yield { key, copy: this.open(key, copy) };
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private seal(key: SessionKey, put: Put): Put {
    const nonce = randomBytes(nonceSize);
    const sealing = createCipheriv(cipher, this.key, nonce).setAAD(boundTo(key));
    const body = Buffer.concat([sealing.update(put.data), sealing.final()]);
    return { ...put, data: Buffer.concat([Buffer.of(format), nonce, sealing.getAuthTag(), body]) };
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
      return { ...copy, data: new Uint8Array(state) };
    } catch (error) {
      const message = `a copy in pool ${JSON.stringify(key.pool)} does not decrypt: another secret, or it was changed`;
      throw new StoreError('damaged', message, { cause: error });
    }
  }
}

/** The id has a fixed length, so no two keys make the same bytes. */
function boundTo({ pool, id }: SessionKey): Buffer {
  return Buffer.from(`${id}${pool}`);
}
