/**
 * A store that lives in another thread, reached over a MessagePort. What is asked in one turn of the event loop goes in one
 * message, and so do the answers: a message costs more than what it carries.
 */
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
  type UserHash,
} from './store.ts';

interface Entry {
  readonly key: SessionKey;
  readonly copy: Copy;
}

/** What may be asked; `page` stands for scan: the next entries of one, by its number. */
type Passed = 'read' | 'put' | 'claim' | 'destroy' | 'rotate' | 'touch' | 'ofUser' | 'expire' | 'count';

interface Methods extends Pick<Store, Passed> {
  page(scan: number, pool?: string): Promise<readonly Entry[]>;
  leave(scan: number): Promise<void>;
}

type Call = { [M in keyof Methods]: { id: number; method: M; args: Parameters<Methods[M]> } }[keyof Methods];

interface Failure {
  readonly code: StoreError['code'] | 'wrong';
  readonly message: string;
}

type Reply = { readonly id: number } & ({ readonly result: unknown } | { readonly failure: Failure });

interface Replies {
  readonly incarnation: string;
  readonly answers: readonly Reply[];
}

const pageSize = 100;

/** Sends what was added in one turn of the loop together. */
class Batch<T> {
  private items: T[] = [];
  private readonly send: (items: readonly T[]) => void;

  constructor(send: (items: readonly T[]) => void) {
    this.send = send;
  }

  add(item: T): void {
    if (this.items.push(item) > 1) return;
    setImmediate(() => {
      const { items } = this;
      this.items = [];
      this.send(items);
    });
  }
}

/** Replies what comes over the port, until it closes. The store stays open. `claim`: what is done instead of the store's own. */
export function serveStore(
  store: Store,
  port: MessagePort,
  claim: Store['claim'] = (...args) => store.claim(...args),
): void {
  const scans = new Map<number, AsyncIterator<Entry>>();
  const methods: Methods = {
    read: (key) => store.read(key),
    put: (key, put) => store.put(key, put),
    claim,
    destroy: (key, epoch) => store.destroy(key, epoch),
    rotate: (key, to, put) => store.rotate(key, to, put),
    touch: (key, epoch, ttl) => store.touch(key, epoch, ttl),
    ofUser: (pool, user) => store.ofUser(pool, user),
    expire: () => store.expire(),
    count: (pool) => store.count(pool),
    page: async (scan, pool) => {
      const iterator = scans.get(scan) ?? store.scan(pool)[Symbol.asyncIterator]();
      scans.set(scan, iterator);
      const page: Entry[] = [];
      while (page.length < pageSize) {
        const { done, value } = await iterator.next();
        if (done === true) break;
        page.push({ ...value, copy: { ...value.copy, data: compact(value.copy.data) } });
      }
      return page;
    },
    leave: async (scan) => {
      await scans.get(scan)?.return?.();
      scans.delete(scan);
    },
  };
  const batch = new Batch<Reply>((answers) => {
    port.postMessage({ incarnation: store.incarnation, answers } satisfies Replies);
  });
  port.on('message', (questions: readonly Call[]) => {
    for (const { id, method, args } of questions) {
      const call = methods[method] as (...args: readonly unknown[]) => Promise<unknown>;
      call(...args).then(
        (result) => batch.add({ id, result }),
        (error: unknown) => batch.add({ id, failure: failureOf(error) }),
      );
    }
  });
}

export class RemoteStore implements Store {
  private readonly port: MessagePort;
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (why: Error) => void }>();
  private readonly batch: Batch<Call>;
  private life: string;
  private next = 0;
  private scans = 0;
  private closed = false;

  /** `incarnation`: of the store at the other end; later ones come with its answers. */
  constructor(port: MessagePort, incarnation: string) {
    this.port = port;
    this.life = incarnation;
    this.batch = new Batch((questions) => port.postMessage(questions));
    port.on('message', (message: Replies) => this.settle(message));
    port.on('close', () => this.end());
  }

  get incarnation(): string {
    return this.life;
  }

  read(key: SessionKey): Promise<Found> {
    return this.call('read', key);
  }

  put(key: SessionKey, put: Put): Promise<PutResult> {
    return this.call('put', key, { ...put, data: compact(put.data) });
  }

  claim(...claim: Parameters<Store['claim']>): Promise<ClaimResult> {
    return this.call('claim', ...claim);
  }

  destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    return this.call('destroy', key, epoch);
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return this.call('rotate', key, to, { ...put, data: compact(put.data) });
  }

  touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    return this.call('touch', key, epoch, ttl);
  }

  ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    return this.call('ofUser', pool, user);
  }

  expire(): Promise<number> {
    return this.call('expire');
  }

  count(pool?: string): Promise<number> {
    return this.call('count', pool);
  }

  async *scan(pool?: string): AsyncGenerator<Entry> {
    const scan = this.scans++;
    try {
      for (;;) {
        const page: readonly Entry[] = await this.call('page', scan, pool);
        yield* page;
        if (page.length < pageSize) return;
      }
    } finally {
      if (!this.closed) await this.call('leave', scan);
    }
  }

  async close(): Promise<void> {
    this.port.close();
    this.end();
  }

  private call<M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): ReturnType<Methods[M]> {
    const answer = new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new StoreError('unavailable', 'the thread that has the store is gone'));
        return;
      }
      const id = this.next++;
      this.waiting.set(id, { resolve, reject });
      this.batch.add({ id, method, args } as Call);
    });
    return answer as ReturnType<Methods[M]>;
  }

  private settle({ incarnation, answers }: Replies): void {
    this.life = incarnation;
    for (const answer of answers) {
      const one = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if ('failure' in answer) one?.reject(errorOf(answer.failure));
      else one?.resolve(answer.result as never);
    }
  }

  private end(): void {
    this.closed = true;
    for (const { reject } of this.waiting.values()) {
      reject(new StoreError('unavailable', 'the thread that has the store is gone'));
    }
    this.waiting.clear();
  }
}

/** A message carries the whole buffer that a view stands in. */
function compact(data: Uint8Array): Uint8Array {
  return data.byteLength === data.buffer.byteLength ? data : new Uint8Array(data);
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof StoreError) return { code: error.code, message };
  return { code: error instanceof RangeError ? 'wrong' : 'unavailable', message };
}

function errorOf({ code, message }: Failure): Error {
  return code === 'wrong' ? new RangeError(message) : new StoreError(code, message);
}
