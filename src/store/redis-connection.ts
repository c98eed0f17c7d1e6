/**
 * A connection to Redis, for commands and scripts. Whoever subscribes to a channel shares a second one: that can only listen.
 */
import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import type { RedisAddress } from './redis-address.ts';
import { createRedisClient } from './redis-client.ts';
import { StoreError } from './store.ts';

export interface RedisConnectionOptions {
  /** Longest wait for an answer, milliseconds. */
  readonly timeout: number;
  /** It is connected to as soon as it is there. False: Sentinels and clusters of which none answers at first end the attempt. */
  readonly mayBeAway: boolean;
  readonly now: () => number;
  readonly timers: Timers;
}

/** Times `timeout` that opening may take: several servers may be asked, one after the other. */
const openingSteps = 4;

export class RedisConnection {
  private readonly redis: Redis | Cluster;
  private readonly address: RedisAddress;
  private readonly options: RedisConnectionOptions;
  private readonly opened: Promise<void>;
  private subscriber: Redis | Cluster | null = null;
  /** Why there is no connection, while there is none: a command that cannot be sent does not say it. */
  private reason: unknown = null;
  /** By the text of a script. */
  private readonly hashes = new Map<string, string>();

  private constructor(redis: Redis | Cluster, address: RedisAddress, options: RedisConnectionOptions) {
    this.redis = redis;
    this.address = address;
    this.options = options;
    redis.on('error', (error: unknown) => {
      this.reason = error;
    });
    this.onReady(() => {
      this.reason = null;
    });
    this.opened = redis.connect();
    this.opened.catch(() => {});
  }

  /** Begins to connect: `ready` waits for it. Rejects with a StoreError when the package `ioredis` is missing. */
  static async open(address: RedisAddress, options: RedisConnectionOptions): Promise<RedisConnection> {
    let isOpen = options.mayBeAway;
    const redis = await createRedisClient(address, options.timeout, options.now, () => isOpen);
    redis.on('ready', () => {
      isOpen = true;
    });
    return new RedisConnection(redis, address, options);
  }

  /**
   * Rejects with a StoreError when the first attempt fails, at the latest after four times `timeout`: a cluster may never be ready, and never say
   * why. Where it may be away it may be connected later all the same.
   */
  async ready(): Promise<void> {
    const { timeout, timers } = this.options;
    const limit = timeout * openingSteps;
    try {
      const opened = this.opened.then(() => true);
      if ((await within(timers, limit, opened)) === undefined) {
        throw new Error(`not ready within ${limit} ms${hintFor(this.address)}`);
      }
    } catch (error) {
      throw unavailable(this.reason ?? error);
    }
  }

  /** Calls `listener` whenever the connection stands, anew. */
  onReady(listener: () => void): void {
    this.redis.on('ready', listener);
  }

  /** The servers that have keys. */
  get primaries(): readonly Redis[] {
    return 'nodes' in this.redis ? this.redis.nodes('master') : [this.redis];
  }

  /** What `act` does with the client; a failure is a StoreError. */
  async query<T>(act: (redis: Redis | Cluster) => Promise<T>): Promise<T> {
    try {
      return await act(this.redis);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const isUnsent = /isn't (writeable|ready)|Connection is closed|max retries per request/.test(String(error));
      throw unavailable(isUnsent ? (this.reason ?? 'there is no connection') : error);
    }
  }

  /**
   * Runs a script of Lua as one step. `names`: of all keys that it may create. While a cluster moves a slot, a script is done on neither side
   * unless all of them are there.
   */
  run(
    script: string,
    names: readonly string[],
    words: readonly (string | number | Buffer)[],
  ): Promise<readonly Buffer[]> {
    return this.query(async (redis) => {
      const args = [names.length, ...names, ...words];
      const reply = await redis.callBuffer('EVALSHA', [this.hashOf(script), ...args]).catch((error: unknown) => {
        if (!String(error).includes('NOSCRIPT')) throw error;
        return redis.callBuffer('EVAL', [script, ...args]);
      });
      return reply as readonly Buffer[];
    });
  }

  /**
   * Calls `onMessage` for what is published there, as long as a connection for it stands: it is a hint, not more. Resolves when it does,
   * unless the store is away.
   */
  async subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    const { timeout, timers } = this.options;
    this.subscriber ??= this.createSubscriber();
    const { subscriber } = this;
    subscriber.on('message', (from: string, text: string) => {
      if (from === channel) onMessage(text);
    });
    const subscribed = new Promise<void>((resolve) => {
      const subscribe = () =>
        void subscriber.subscribe(channel).then(
          () => resolve(),
          () => {},
        );
      subscriber.on('ready', subscribe);
      if (subscriber.status === 'ready') subscribe();
    });
    if (this.redis.status === 'ready') await within(timers, timeout, subscribed);
  }

  close(): void {
    this.redis.disconnect();
    if (this.subscriber !== this.redis) this.subscriber?.disconnect();
  }

  private createSubscriber(): Redis | Cluster {
    // The client of a cluster has a connection for channels by itself.
    if ('nodes' in this.redis) return this.redis;
    const subscriber = this.redis.duplicate();
    // Without a listener the error would be printed; what it says, commands say as well.
    subscriber.on('error', () => {});
    subscriber.connect().catch(() => {});
    return subscriber;
  }

  private hashOf(script: string): string {
    const known = this.hashes.get(script);
    if (known !== undefined) return known;
    const hash = createHash('sha1').update(script).digest('hex');
    this.hashes.set(script, hash);
    return hash;
  }
}

/** What may be wrong with an address that nobody answers at, for an error; '' nothing is known. */
function hintFor({ kind }: RedisAddress): string {
  return kind === 'cluster'
    ? ': does each node announce an address that can be reached from here (cluster-announce-ip)?'
    : '';
}

/** Errors of ioredis hold the command that failed, and that of a login has the password: what is told is the text alone. */
function unavailable(error: unknown): StoreError {
  const text = error instanceof Error ? error.message : String(error);
  return new StoreError('unavailable', `redis: ${text}`, { cause: new Error(text) });
}
