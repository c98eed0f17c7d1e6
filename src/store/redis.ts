/**
 * Copies in Redis, shared by several balancers and by Redis's own clock. A session is one key, `limpet:{pool}:id`: the hash
 * tag keeps a pool in one slot of a cluster, so that a rotate is one step there, too, and so is what a put does to the index by user.
 */
import { randomUUID } from 'node:crypto';
import type { Timers } from '../time/clock.ts';
import { checkKey, checkPut, checkRotate, checkTime, checkUser } from './check.ts';
import type { RedisAddress } from './redis-address.ts';
import { RedisConnection } from './redis-connection.ts';
import { indexName, movesName, poolOf, sessionName, tagOf } from './redis-names.ts';
import { type Scripts, scriptsFor } from './redis-scripts.ts';
import { checkRedisVersion, RedisTooOld } from './redis-version.ts';
import { rotateLatest, type SteppedStore } from './rules.ts';
import {
  type ClaimDetails,
  type ClaimResult,
  type Copy,
  type EndResult,
  type Found,
  mostOfUser,
  type Put,
  type PutResult,
  type RotateResult,
  type SessionId,
  type SessionKey,
  type StoreOptions,
  type UserHash,
} from './store.ts';

export interface RedisOptions extends Pick<StoreOptions, 'tombstoneTime' | 'stateBytes'> {
  /** Longest wait for an answer of Redis, milliseconds. */
  readonly timeout: number;
  /** Moves and ends of each pool that are kept for other balancers. Left out: there are none. */
  readonly history?: number;
  /** Id of this balancer among them. Left out: it is the only one. */
  readonly node?: string;
  /** It may be away at the start: it is connected to as soon as it is there. Default false: opening fails. */
  readonly mayBeAway?: boolean;
}

type Reply = readonly Buffer[];

const prefix = 'limpet:';
const incarnationKey = 'limpet-incarnation';
const pageSize = 200;

export class RedisStore implements SteppedStore {
  private readonly connection: RedisConnection;
  private readonly options: RedisOptions;
  private readonly now: () => number;
  private readonly scripts: Scripts;
  private life = '';

  private constructor(connection: RedisConnection, options: RedisOptions, now: () => number) {
    this.connection = connection;
    this.options = options;
    this.now = now;
    this.scripts = scriptsFor(options.history ?? 0);
    connection.onReady(() => void this.learnLife().catch(() => {}));
  }

  /**
   * Throws a StoreError when the package `ioredis` is missing or Redis does not answer, at the latest after four times `timeout`.
   */
  static async open(
    address: RedisAddress,
    options: RedisOptions,
    now: () => number,
    timers: Timers,
  ): Promise<RedisStore> {
    const { timeout, mayBeAway = false } = options;
    const connection = await RedisConnection.open(address, { timeout, mayBeAway, now, timers });
    const store = new RedisStore(connection, options, now);
    try {
      await connection.ready();
      await connection.query(checkRedisVersion);
      await store.learnLife();
    } catch (error) {
      const isFinal = error instanceof RedisTooOld || /WRONGPASS|NOAUTH|NOPERM/.test(String(error));
      if (!mayBeAway || isFinal) {
        connection.close();
        throw error;
      }
    }
    return store;
  }

  get incarnation(): string {
    return this.life;
  }

  async read(key: SessionKey): Promise<Found> {
    const reply = await this.run('read', [nameOf(key)], []);
    const state = textAt(reply, 0);
    if (state === 'live') return { state, copy: this.readCopy(reply) };
    if (state !== 'ended') return { state: 'none' };
    return textAt(reply, 1) === 'r' ? { state, rotatedAgoMs: numberAt(reply, 2) } : { state };
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    checkPut(put, this.options.stateBytes);
    return putResult(await this.run('put', [nameOf(key), ...indexOf(key, put)], wordsOf(put)));
  }

  async claim(
    key: SessionKey,
    epoch: number,
    owner: number,
    ttl: number,
    { intent = '', returnTo = 0, step = '' }: ClaimDetails = {},
  ): Promise<ClaimResult> {
    checkTime(ttl);
    // The first owner is told to nobody.
    const names = epoch > 0 ? [nameOf(key), ...this.movesOf(key)] : [nameOf(key)];
    const words = [epoch, owner, Math.ceil(ttl), epoch + 1, this.options.node ?? '', intent, returnTo, step];
    const reply = await this.run('claim', names, words);
    const state = textAt(reply, 0);
    if (state === 'claimed') {
      const found = { state, copy: this.readCopy(reply) } as const;
      return numberAt(reply, 8) === 0 ? found : { ...found, returnTo: numberAt(reply, 8) };
    }
    if (state === 'ended') return { state };
    if (state === 'held') return { state };
    const lost = { state: 'lost', epoch: numberAt(reply, 1), owner: numberAt(reply, 2) } as const;
    return textAt(reply, 3) === 'other' ? { ...lost, byOther: true } : lost;
  }

  async destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    const reply = await this.run('destroy', [nameOf(key), ...this.movesOf(key)], [epoch, this.options.tombstoneTime]);
    if (textAt(reply, 0) === 'ended') return { state: 'ended' };
    return { state: 'fenced', epoch: numberAt(reply, 1), owner: numberAt(reply, 2) };
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return rotateLatest(this, key, to, put);
  }

  async rotateOnce(key: SessionKey, to: SessionId, put: Put): ReturnType<SteppedStore['rotateOnce']> {
    const { stateBytes, tombstoneTime } = this.options;
    checkRotate(key, to, put, stateBytes);
    const names = [nameOf(key), nameOf({ pool: key.pool, id: to }), ...indexOf(key, put), ...this.movesOf(key)];
    const reply = await this.run('rotate', names, [...wordsOf(put), tombstoneTime]);
    return textAt(reply, 0) === 'taken' ? { state: 'taken' } : putResult(reply);
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    checkTime(ttl);
    return textAt(await this.run('touch', [nameOf(key)], [epoch, Math.ceil(ttl)]), 0) === 'yes';
  }

  async ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    checkUser(pool, user);
    const ids = await this.run('ofUser', [indexName(pool, user)], [user, mostOfUser]);
    return ids.map(String);
  }

  /** Redis forgets by itself; whether it was emptied shows here. */
  async expire(): Promise<number> {
    await this.learnLife();
    return 0;
  }

  async count(pool?: string): Promise<number> {
    let live = 0;
    for await (const _ of this.scan(pool)) live++;
    return live;
  }

  async *scan(pool?: string): AsyncGenerator<{ readonly key: SessionKey; readonly copy: Copy }> {
    const match = pool === undefined ? `${prefix}{*` : `${prefix}{${tagOf(pool)}}:*`;
    // SCAN may show a key twice.
    const seen = new Set<string>();
    for (const node of this.connection.primaries) {
      let cursor = '0';
      do {
        const page = () => node.scan(cursor, 'MATCH', match, 'COUNT', pageSize);
        const [next, names] = await this.connection.query(page);
        cursor = next;
        const keys = names.filter((name) => !seen.has(name) && seen.add(name)).map(keyOf);
        const found = await Promise.all(keys.map((key) => this.read(key)));
        for (const [at, one] of found.entries()) {
          if (one.state === 'live') yield { key: keys[at]!, copy: one.copy };
        }
      } while (cursor !== '0');
    }
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  private async learnLife(): Promise<void> {
    await this.connection.query(async (redis) => {
      const known = await redis.get(incarnationKey);
      // Writes only where nobody has: a replica refuses writes, and could not be read from after each new connection.
      if (known === null) await redis.set(incarnationKey, randomUUID(), 'NX');
      this.life = known ?? (await redis.get(incarnationKey)) ?? this.life;
    });
  }

  /** The stream that a script appends to. */
  private movesOf({ pool }: SessionKey): readonly string[] {
    return (this.options.history ?? 0) > 0 ? [movesName(pool)] : [];
  }

  private run(name: keyof Scripts, names: readonly string[], words: (string | number | Buffer)[]): Promise<Reply> {
    return this.connection.run(this.scripts[name], names, words);
  }

  private readCopy(reply: Reply): Copy {
    return {
      owner: numberAt(reply, 1),
      epoch: numberAt(reply, 2),
      version: numberAt(reply, 3),
      by: textAt(reply, 4),
      data: new Uint8Array(reply[5]!),
      ...(textAt(reply, 7) !== '' && { user: textAt(reply, 7) }),
      expires: this.now() + numberAt(reply, 6),
    };
  }
}

/** Throws RangeError for a key that cannot be. */
function nameOf(key: SessionKey): string {
  checkKey(key);
  return sessionName(key);
}

function indexOf({ pool }: SessionKey, { user }: Put): readonly string[] {
  return user === undefined ? [] : [indexName(pool, user)];
}

function keyOf(name: string): SessionKey {
  const end = name.lastIndexOf('}:');
  return { pool: poolOf(name.slice(prefix.length + 1, end)), id: name.slice(end + 2) };
}

function wordsOf({ owner, epoch, version, by, data, user = '', ttl }: Put): (string | number | Buffer)[] {
  // A command waits for its turn, and the caller may write to its data meanwhile.
  return [owner, epoch, version, by, Buffer.from(data), Math.ceil(ttl), user];
}

function putResult(reply: Reply): PutResult {
  const state = textAt(reply, 0);
  if (state === 'stored' || state === 'superseded' || state === 'ended') return { state };
  return { state: 'fenced', epoch: numberAt(reply, 1), owner: numberAt(reply, 2) };
}

function textAt(reply: Reply, at: number): string {
  return reply[at]?.toString() ?? '';
}

function numberAt(reply: Reply, at: number): number {
  return Number(textAt(reply, at));
}
