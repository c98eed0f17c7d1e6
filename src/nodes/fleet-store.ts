/** The store as the membership of a fleet uses it: short texts under a few names, and scripts. */
import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { parseRedis, type RedisAddress, redisForm } from '../store/redis-address.ts';
import { connectRedis, hintFor } from '../store/redis-connection.ts';
import { StoreError } from '../store/store.ts';
import type { Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';

/** The longest text that is read, in bytes: whoever can write to the store cannot fill the memory of all nodes. */
export const longestText = 65_536;

/** Times `timeout` that opening may take: several servers may be asked, one after the other. */
const openingSteps = 4;

/** What the keys of a fleet need of its store; all of it rejects with a StoreError. */
export interface TextStore {
  /** null: there is none. Cut after `longestText` bytes. */
  read(name: string): Promise<string | null>;
  /** Nothing happens when there is one already. */
  create(name: string, text: string): Promise<void>;
}

export interface FleetStoreOptions {
  readonly address: string;
  /** Longest wait for an answer, milliseconds. */
  readonly timeout: number;
  readonly now: () => number;
  readonly timers: Timers;
}

export class FleetStore implements TextStore {
  private readonly redis: Redis | Cluster;
  private readonly address: RedisAddress;
  private readonly options: FleetStoreOptions;
  /** ioredis tells the reason of a failed connection in an event, and of a failed command only that there is none. */
  private reason: unknown = null;
  private listener: Redis | Cluster | null = null;

  private constructor(redis: Redis | Cluster, address: RedisAddress, options: FleetStoreOptions) {
    this.redis = redis;
    this.address = address;
    this.options = options;
    redis.on('error', (error: unknown) => {
      this.reason = error;
    });
    redis.on('ready', () => {
      this.reason = null;
    });
  }

  /** Begins to connect, and never gives up: `ready` waits for it. Rejects with a StoreError when the package `ioredis` is missing. */
  static async connect(options: FleetStoreOptions): Promise<FleetStore> {
    const address = parseRedis(options.address);
    if (address === null) throw new StoreError('unavailable', `the address is none, expected ${redisForm}`);
    const redis = await connectRedis(address, options.timeout, options.now, () => true);
    return new FleetStore(redis, address, options);
  }

  /** Rejects with a StoreError when the store does not answer, at the latest after four times `timeout`; later it may all the same. */
  async ready(): Promise<void> {
    const limit = this.options.timeout * openingSteps;
    try {
      const opened = this.redis.connect().then(() => true);
      if ((await within(this.options.timers, limit, opened)) === true) return;
      throw new Error(`not ready within ${limit} ms${hintFor(this.address)}`);
    } catch (error) {
      throw this.failure(error);
    }
  }

  async read(name: string): Promise<string | null> {
    return await this.query(async () => {
      const text = await this.redis.getrange(name, 0, longestText - 1);
      // An absent text reads as an empty one, and an empty one is none that we write.
      return text === '' ? null : text;
    });
  }

  async create(name: string, text: string): Promise<void> {
    await this.query(() => this.redis.set(name, text, 'NX'));
  }

  /** Keeps it for `ttl` ms, in place of what there was. */
  async keep(name: string, text: string, ttl: number): Promise<void> {
    await this.query(() => this.redis.set(name, text, 'PX', ttl));
  }

  /** Runs a script of Lua as one step; what it returns, as text. */
  async run(script: string, names: readonly string[], words: readonly (string | number)[]): Promise<readonly string[]> {
    return await this.query(async () => {
      const args = [names.length, ...names, ...words];
      try {
        return textsOf(await this.redis.call('EVALSHA', [sha1(script), ...args]));
      } catch (error) {
        if (!String(error).includes('NOSCRIPT')) throw error;
        return textsOf(await this.redis.call('EVAL', [script, ...args]));
      }
    });
  }

  /** Calls `onMessage` for what is published there, as long as a connection for it stands: it is a hint, not more. */
  async listen(channel: string, onMessage: (text: string) => void): Promise<void> {
    const { timeout, now } = this.options;
    const listener = await connectRedis(this.address, timeout, now, () => true);
    this.listener = listener;
    // Without a listener the error would be printed; what it says, commands say as well.
    listener.on('error', () => undefined);
    listener.on('message', (_, text: string) => onMessage(text));
    listener.on('ready', () => void listener.subscribe(channel).catch(() => undefined));
    listener.connect().catch(() => undefined);
  }

  close(): void {
    this.listener?.disconnect();
    this.redis.disconnect();
  }

  private async query<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** Errors of ioredis hold the command that failed, and that of a login has the password: what is told is the text alone. */
  private failure(error: unknown): StoreError {
    const told = this.reason ?? error;
    const text = told instanceof Error ? told.message : String(told);
    return new StoreError('unavailable', `redis: ${text}`, { cause: new Error(text) });
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

function textsOf(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
