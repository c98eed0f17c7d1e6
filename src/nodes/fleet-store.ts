/** The store as the membership of a fleet uses it: short texts under a few names, and scripts. */
import { parseRedis, redisForm } from '../store/redis-address.ts';
import { RedisConnection } from '../store/redis-connection.ts';
import { StoreError } from '../store/store.ts';
import type { Timers } from '../time/clock.ts';

/** The longest text that is read, in bytes: whoever can write to the store cannot fill the memory of all nodes. */
export const longestText = 65_536;

/** What the keys of a fleet need of its store; all of it rejects with a StoreError. */
export interface TextStore {
  /** null: there is none. Cut after `longestText` bytes. */
  read(name: string): Promise<string | null>;
  /** Nothing happens when there is one already. */
  create(name: string, text: string): Promise<void>;
}

/** Begins to connect to the store of a fleet. Rejects with a StoreError when the package `ioredis` is missing. */
export async function connectFleet(
  { store, timeout }: { readonly store: string; readonly timeout: number },
  now: () => number,
  timers: Timers,
): Promise<RedisConnection> {
  const address = parseRedis(store);
  if (address === null) throw new StoreError('unavailable', `the address is none, expected ${redisForm}`);
  return RedisConnection.open(address, { timeout, mayBeAway: true, now, timers });
}

export class FleetStore implements TextStore {
  private readonly connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.connection = connection;
  }

  async read(name: string): Promise<string | null> {
    const text = await this.connection.query((redis) => redis.getrange(name, 0, longestText - 1));
    // An absent text reads as an empty one, and an empty one is none that we write.
    return text === '' ? null : text;
  }

  async create(name: string, text: string): Promise<void> {
    await this.connection.query((redis) => redis.set(name, text, 'NX'));
  }

  /** Keeps it for `ttl` ms, in place of what there was. */
  async keep(name: string, text: string, ttl: number): Promise<void> {
    await this.connection.query((redis) => redis.set(name, text, 'PX', ttl));
  }

  /** Runs a script of Lua as one step; what it returns, as text. */
  async run(script: string, names: readonly string[], words: readonly (string | number)[]): Promise<readonly string[]> {
    return (await this.connection.run(script, names, words)).map(String);
  }
}
