/** What all sticky sessions of a process share, with a virtual clock and a store interface that the test drives. */
import { type FilledOptions, fillOptions } from '../../../src/session/filled-options.ts';
import { LiveSession } from '../../../src/session/live-session.ts';
import type { SessionOptions } from '../../../src/session/options.ts';
import { Registry } from '../../../src/session/registry.ts';
import type { SessionHeader } from '../../../src/session/sticky/protocol.ts';
import type { StickyContext } from '../../../src/session/sticky/sticky-context.ts';
import type { ReadResult, SessionAddress } from '../../../src/session/sticky/store-client.ts';
import { StoreClient } from '../../../src/session/sticky/store-client.ts';
import { UserSessions } from '../../../src/session/user-sessions.ts';
import { HandTime } from '../../support/hand-time.ts';

export const sessionId = 'ab'.repeat(16);

/** A store interface that notes what is asked of it, and answers what the test has set. */
export class FakeStoreClient extends StoreClient {
  readonly calls: string[] = [];
  reads: () => Promise<ReadResult> = async () => ({ state: 'none' });
  /** Rejects with that; null: it succeeds. */
  failure: Error | null = null;

  constructor() {
    super({ secrets: { first: undefined }, timeoutMs: 1000, maxBytes: 1000 });
  }

  override read({ id }: SessionAddress): Promise<ReadResult> {
    this.calls.push(`read ${id.slice(0, 4)}`);
    return this.reads();
  }

  override async put({ id }: SessionAddress, { epoch, version }: { epoch: number; version: number }, text: string) {
    this.calls.push(`put ${id.slice(0, 4)} ${epoch}.${version} ${text}`);
    if (this.failure !== null) throw this.failure;
    return '';
  }

  override async end({ id }: SessionAddress, epoch: number): Promise<void> {
    this.calls.push(`end ${id.slice(0, 4)} ${epoch}`);
    if (this.failure !== null) throw this.failure;
  }
}

export class StickyStage {
  readonly time = new HandTime();
  readonly errors: string[] = [];
  readonly client = new FakeStoreClient();
  readonly options: FilledOptions;
  readonly registry: Registry;
  readonly context: StickyContext;

  constructor(options: Partial<SessionOptions> = {}) {
    const { time, client } = this;
    this.options = fillOptions({
      strategy: 'sticky',
      secret: 'a secret of the test',
      idle: '30m',
      clock: time,
      timers: time,
      onError: ({ message }) => this.errors.push(message),
      ...options,
    });
    this.registry = new Registry(100, () => this.options.idleMs);
    const directory = { read: async () => null, end: async () => {}, ofUser: async () => [], async *all() {} };
    const users = new UserSessions(directory, this.options);
    this.context = { options: this.options, registry: this.registry, client, users, processId: 'me', warnOnce() {} };
  }

  /** A session in memory, of which that version is stored. */
  live(data: object, version = 1): LiveSession {
    const own = { ...data };
    const live = new LiveSession({
      id: sessionId,
      epoch: 1,
      storeIncarnation: 'store1',
      data: own,
      encoded: JSON.stringify(own),
      createdAt: this.time.now(),
    });
    live.version = live.storedVersion = version;
    live.lastPutAt = this.time.now();
    live.writtenBy = 'me';
    this.registry.add(live, this.time.now());
    return live;
  }
}

/** What the balancer says of that session in a request. */
export function headerOf(fields: Partial<SessionHeader> = {}): SessionHeader {
  return {
    id: sessionId,
    epoch: 1,
    version: 1,
    reason: 'held',
    pool: 'shop',
    store: 'http://127.0.0.1:1/v1',
    storeIncarnation: 'store1',
    allow: '',
    cookie: '00000000',
    state: null,
    ...fields,
  };
}
