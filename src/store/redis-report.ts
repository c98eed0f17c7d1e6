/** What there is to say of a Redis that keeps sessions, for `limpet store check`: it reads and changes nothing. */
import type { Redis } from 'ioredis';
import type { Timers } from '../time/clock.ts';
import type { RedisAddress } from './redis-address.ts';
import { RedisConnection } from './redis-connection.ts';
import { checkRedisVersion } from './redis-version.ts';

/** One server that has keys. */
export interface RedisNode {
  /** As `host:port`. */
  readonly address: string;
  readonly version: string;
  /** Connected replicas; of them those that are not too far behind count for `minReplicas`. */
  readonly replicas: number;
  /** Replicas without which it takes no writes; null: it is not told. */
  readonly minReplicas: number | null;
  /** How often its append-only file is synced: `always`, `everysec`, `no`; `off`: it has none; null: it is not told. */
  readonly appendFsync: string | null;
  readonly usedBytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  /** What happens at `maxBytes`. */
  readonly policy: string;
  /** Milliseconds by which its clock is ahead of this machine's. */
  readonly clockAheadMs: number;
}

/** Keys by kind. */
export const redisKinds = ['session', 'user', 'moves', 'incarnation', 'fleet', 'foreign'] as const;
export type RedisKind = (typeof redisKinds)[number];

export interface RedisReport {
  readonly mode: RedisAddress['kind'];
  readonly nodes: readonly RedisNode[];
  readonly keys: Readonly<Record<RedisKind, number>>;
  /** There are more keys than were looked at. */
  readonly isPart: boolean;
  /** Names of some keys that are not ours, where only ours should be. */
  readonly foreign: readonly string[];
  /** Some sessions, looked at one by one. */
  readonly sample: {
    readonly live: number;
    readonly ended: number;
    /** Mean bytes of memory of one; 0: there is none. */
    readonly liveBytes: number;
    readonly endedBytes: number;
  };
}

export interface RedisReportOptions {
  /** Longest wait for an answer, milliseconds. */
  readonly timeout: number;
  /** Keys that are looked at, at most. */
  readonly most: number;
  /** Milliseconds that never step, and the machine's clock. */
  readonly now: () => number;
  readonly wall: () => number;
  readonly timers: Timers;
}

const pageSize = 500;
const sampleSize = 200;
const examples = 5;

const shapes: readonly (readonly [RedisKind, RegExp])[] = [
  ['session', /^limpet:\{[^{}]+\}:[0-9a-f]{32}$/],
  ['user', /^limpet-user:\{[^{}]+\}:[0-9a-f]{32}$/],
  ['moves', /^limpet-moves:\{[^{}]+\}$/],
  ['incarnation', /^limpet-incarnation$/],
  ['fleet', /^\{limpet-fleet\}:[\w:.-]+$/],
];

/** By its name. Only of names that begin as ours do. */
export function kindOf(name: string): RedisKind {
  return shapes.find(([, shape]) => shape.test(name))?.[0] ?? 'foreign';
}

/** Throws a StoreError when it cannot be used. */
export async function reportOnRedis(address: RedisAddress, options: RedisReportOptions): Promise<RedisReport> {
  const { timeout, timers, now } = options;
  const connection = await RedisConnection.open(address, { timeout, mayBeAway: false, now, timers });
  try {
    await connection.ready();
    await connection.query(checkRedisVersion);
    return await connection.query(() => report(connection.primaries, address.kind, options));
  } finally {
    connection.close();
  }
}

async function report(
  primaries: readonly Redis[],
  mode: RedisAddress['kind'],
  { most, wall }: RedisReportOptions,
): Promise<RedisReport> {
  const nodes: RedisNode[] = [];
  const keys: Record<RedisKind, number> = { session: 0, user: 0, moves: 0, incarnation: 0, fleet: 0, foreign: 0 };
  const foreign: string[] = [];
  const looked = { live: 0, ended: 0, liveBytes: 0, endedBytes: 0 };
  let left = most;
  for (const node of primaries) {
    nodes.push(await describe(node, wall));
    for await (const names of ours(node)) {
      left -= names.length;
      const sampled: string[] = [];
      for (const name of names) {
        const kind = kindOf(name);
        keys[kind]++;
        if (kind === 'foreign' && foreign.length < examples) foreign.push(name);
        if (kind === 'session' && looked.live + looked.ended + sampled.length < sampleSize) sampled.push(name);
      }
      for (const [isEnded, bytes] of await Promise.all(sampled.map((name) => weigh(node, name)))) {
        if (isEnded) {
          looked.ended++;
          looked.endedBytes += bytes;
        } else {
          looked.live++;
          looked.liveBytes += bytes;
        }
      }
      if (left <= 0) break;
    }
  }
  const sample = {
    live: looked.live,
    ended: looked.ended,
    liveBytes: looked.live === 0 ? 0 : Math.round(looked.liveBytes / looked.live),
    endedBytes: looked.ended === 0 ? 0 : Math.round(looked.endedBytes / looked.ended),
  };
  return { mode, nodes, keys, isPart: left <= 0, foreign, sample };
}

/** Names that begin as ours do, in pages, each once or twice. */
async function* ours(node: Redis): AsyncGenerator<readonly string[]> {
  for (const pattern of ['limpet*', '{limpet*']) {
    let cursor = '0';
    do {
      const [next, names] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', pageSize);
      cursor = next;
      if (names.length > 0) yield names;
    } while (cursor !== '0');
  }
}

/** Of a key that may be gone by now: 0 bytes then. A server that does not tell (MEMORY is not allowed) gives 0, too. */
async function weigh(node: Redis, name: string): Promise<[isEnded: boolean, bytes: number]> {
  const ended = await node.hexists(name, 'x').catch(() => 0);
  const bytes = await node.memory('USAGE', name).catch(() => 0);
  return [ended === 1, Number(bytes ?? 0)];
}

async function describe(node: Redis, wall: () => number): Promise<RedisNode> {
  const before = wall();
  const [seconds, micros] = await node.time();
  const there = Number(seconds) * 1000 + Number(micros) / 1000;
  const clockAheadMs = Math.round(there - (before + wall()) / 2);
  const fields = fieldsOf(await node.info());
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const hasFile = fields.get('aof_enabled') === '1';
  const { host = '', port = 0 } = node.options;
  return {
    address: `${host}:${port}`,
    version: versionOf(fields),
    replicas: number('connected_slaves'),
    minReplicas: await settingOf(node, 'min-replicas-to-write').then((text) => (text === null ? null : Number(text))),
    appendFsync: hasFile ? await settingOf(node, 'appendfsync') : 'off',
    usedBytes: number('used_memory'),
    maxBytes: number('maxmemory'),
    policy: fields.get('maxmemory_policy') ?? 'noeviction',
    clockAheadMs,
  };
}

function versionOf(fields: ReadonlyMap<string, string>): string {
  const valkey = fields.get('valkey_version');
  return valkey === undefined ? `Redis ${fields.get('redis_version') ?? 'of unknown version'}` : `Valkey ${valkey}`;
}

/** null: it is not told: managed servers often allow no CONFIG. */
async function settingOf(node: Redis, name: string): Promise<string | null> {
  const found = (await node.config('GET', name).catch(() => [])) as unknown;
  return Array.isArray(found) && typeof found[1] === 'string' ? found[1] : null;
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
