/** A store in memory and its bridge to other threads, until the real ones are merged. */
import { randomUUID } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
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
  type Store,
  StoreError,
  type StoreOptions,
} from './store.ts';

type Kept = Copy | number;

export class StandInStore implements Store {
  readonly incarnation: string = randomUUID();
  private readonly kept = new Map<string, Kept>();
  private readonly options: StoreOptions;
  private readonly now: () => number;

  constructor(options: StoreOptions, now: () => number) {
    this.options = options;
    this.now = now;
  }

  private at({ pool, id }: SessionKey): Kept | undefined {
    const kept = this.kept.get(`${pool}/${id}`);
    if (kept === undefined) return undefined;
    return (typeof kept === 'number' ? kept : kept.expires) > this.now() ? kept : undefined;
  }

  private set({ pool, id }: SessionKey, kept: Kept): void {
    this.kept.set(`${pool}/${id}`, kept);
  }

  async read(key: SessionKey): Promise<Found> {
    const kept = this.at(key);
    if (kept === undefined) return { state: 'none' };
    return typeof kept === 'number' ? { state: 'ended' } : { state: 'live', copy: kept };
  }

  async put(key: SessionKey, { ttl, ...put }: Put): Promise<PutResult> {
    if (put.data.length > this.options.stateBytes) throw new StoreError('state-too-large', 'too large');
    const kept = this.at(key);
    if (typeof kept === 'number') return { state: 'ended' };
    if (kept !== undefined) {
      if (put.epoch < kept.epoch) return { state: 'fenced', epoch: kept.epoch, owner: kept.owner };
      if (put.epoch === kept.epoch && put.version <= kept.version) {
        if (put.by === kept.by) return { state: 'superseded' };
        return { state: 'fenced', epoch: kept.epoch, owner: kept.owner };
      }
    }
    this.set(key, { ...put, expires: this.now() + ttl });
    return { state: 'stored' };
  }

  async claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult> {
    const kept = this.at(key);
    if (typeof kept === 'number') return { state: 'ended' };
    if (kept !== undefined && kept.epoch > epoch) return { state: 'lost', epoch: kept.epoch, owner: kept.owner };
    const before = kept ?? { version: 0, by: '', data: new Uint8Array(0), expires: this.now() + ttl };
    const copy = { ...before, owner, epoch: epoch + 1 };
    this.set(key, copy);
    return { state: 'claimed', copy };
  }

  async destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    const kept = this.at(key);
    if (typeof kept === 'object' && epoch < kept.epoch)
      return { state: 'fenced', epoch: kept.epoch, owner: kept.owner };
    this.set(key, this.now() + this.options.tombstoneTime);
    return { state: 'ended' };
  }

  async rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    if (this.at({ ...key, id: to }) !== undefined) return { state: 'taken' };
    const result = await this.put(key, put);
    if (result.state === 'fenced') return result;
    if (result.state === 'ended') return { state: 'ended' };
    this.set({ ...key, id: to }, this.at(key)!);
    this.set(key, this.now() + this.options.tombstoneTime);
    return { state: 'stored' };
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    const kept = this.at(key);
    if (typeof kept !== 'object' || kept.epoch > epoch) return false;
    this.set(key, { ...kept, expires: this.now() + ttl });
    return true;
  }

  async expire(): Promise<number> {
    return 0;
  }

  async count(): Promise<number> {
    return this.kept.size;
  }

  async *scan(): AsyncIterable<{ readonly key: SessionKey; readonly copy: Copy }> {}

  async close(): Promise<void> {}
}

interface Question {
  readonly id: number;
  readonly method: 'read' | 'put' | 'claim' | 'destroy' | 'rotate' | 'touch';
  readonly args: readonly unknown[];
}

export function serveStore(store: Store, port: MessagePort): void {
  port.on('message', ({ id, method, args }: Question) => {
    const call = store[method] as (...args: readonly unknown[]) => Promise<unknown>;
    call.apply(store, [...args]).then(
      (result) => port.postMessage({ id, result }),
      (error: unknown) => port.postMessage({ id, error: String(error) }),
    );
  });
}

export class RemoteStore implements Store {
  readonly incarnation: string;
  private readonly port: MessagePort;
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (why: Error) => void }>();
  private next = 0;

  constructor(port: MessagePort, incarnation: string) {
    this.port = port;
    this.incarnation = incarnation;
    port.on('message', ({ id, result, error }: { id: number; result: never; error?: string }) => {
      const one = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) one?.resolve(result);
      else one?.reject(new StoreError('unavailable', error));
    });
  }

  private call<T>(method: Question['method'], ...args: readonly unknown[]): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve, reject });
      this.port.postMessage({ id, method, args });
    });
  }

  read(key: SessionKey): Promise<Found> {
    return this.call('read', key);
  }

  put(key: SessionKey, put: Put): Promise<PutResult> {
    return this.call('put', key, put);
  }

  claim(key: SessionKey, epoch: number, owner: number, ttl: number): Promise<ClaimResult> {
    return this.call('claim', key, epoch, owner, ttl);
  }

  destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    return this.call('destroy', key, epoch);
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return this.call('rotate', key, to, put);
  }

  touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    return this.call('touch', key, epoch, ttl);
  }

  async expire(): Promise<number> {
    return 0;
  }

  async count(): Promise<number> {
    return 0;
  }

  async *scan(): AsyncIterable<{ readonly key: SessionKey; readonly copy: Copy }> {}

  async close(): Promise<void> {
    this.port.close();
  }
}
