/** What a node tells the others once a second, and what it tells once of its config. Both are checked where they are read. */
import { isNodeId } from './node-id.ts';

export interface NodeReport {
  /** 8 hex digits. */
  readonly id: string;
  /** Another one with each start, so that two processes with one id are found out. */
  readonly run: string;
  /** For people. */
  readonly name: string;
  readonly version: string;
  readonly runtime: string;
  /** When the process started, and its clock as it told this: Unix ms. */
  readonly started: number;
  readonly clock: number;
  /** Of the orders that it has carried out. */
  readonly revision: number;
  /** Why it could not carry out the next ones; '' it could. */
  readonly failure: string;
  /** The name of its config digest. */
  readonly config: string;
  /** By name of the pool. */
  readonly pools: Readonly<Record<string, PoolCounts>>;
  /** What is left on the servers that are drained, by `pool/server`. */
  readonly draining: Readonly<Record<string, DrainCounts>>;
}

export interface PoolCounts {
  readonly requestsPerSecond: number;
  readonly sessions: number;
}

export interface DrainCounts {
  readonly inflight: number;
  readonly streams: number;
  readonly tunnels: number;
  readonly uncopied: number;
  /** Nothing is lost there if the server is stopped, by a census of the session table. */
  readonly isSafe: boolean;
}

/** What of a config has to be the same on all nodes. */
export interface ConfigDigest {
  /** By path of the field, a hash of its value. */
  readonly parts: Readonly<Record<string, string>>;
  /** By pool and name, the address of each server. */
  readonly servers: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Names of pools and servers in one report; what is beyond is not told. */
export const mostNames = 500;

/** Of text that a node tells. */
const longestText = 300;

/** null: it is none. */
export function parseReport(text: string): NodeReport | null {
  const found = parseMap(text);
  const { id, run, name, version, runtime, started, clock, revision, failure, config, pools, draining } = found;
  const texts = [id, run, name, version, runtime, failure, config];
  const numbers = [started, clock, revision];
  if (!texts.every((one) => typeof one === 'string' && one.length <= longestText)) return null;
  if (!numbers.every((one) => Number.isSafeInteger(one) && (one as number) >= 0)) return null;
  if (!isNodeId(id as string) || !/^[\w.-]{1,64}$/.test(name as string)) return null;
  return isMapOf(pools, isPoolCounts) && isMapOf(draining, isDrainCounts) ? (found as unknown as NodeReport) : null;
}

/** null: it is none. */
export function parseDigest(text: string): ConfigDigest | null {
  const found = parseMap(text);
  const { parts, servers } = found;
  const isText = (one: unknown): boolean => typeof one === 'string';
  return isMapOf(parts, isText) && isMapOf(servers, (pool) => isMapOf(pool, isText))
    ? (found as unknown as ConfigDigest)
    : null;
}

/**
 * The fields in which the config of another node is not as ours, as `pools.shop.affinity`, and a line for each server that one of the
 * two does not have, or has at another address.
 */
export function differencesOf(own: ConfigDigest, other: ConfigDigest): string[] {
  const found: string[] = [];
  for (const path of unionOf(own.parts, other.parts)) {
    if (own.parts[path] !== other.parts[path]) found.push(path);
  }
  for (const pool of unionOf(own.servers, other.servers)) {
    const [here, there] = [own.servers[pool] ?? {}, other.servers[pool] ?? {}];
    for (const name of unionOf(here, there)) {
      const path = `pools.${pool}.servers.${name}`;
      if (there[name] === undefined) found.push(`${path} (not there)`);
      else if (here[name] === undefined) found.push(`${path} (not here)`);
      else if (here[name] !== there[name]) found.push(`${path}.address`);
    }
  }
  return found.sort();
}

function unionOf(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])];
}

type Fields = Readonly<Record<string, unknown>>;

function parseMap(text: string): Fields {
  try {
    return Object(JSON.parse(text)) as Fields;
  } catch {
    return {};
  }
}

function isMapOf(found: unknown, isOne: (value: unknown) => boolean): boolean {
  return (
    typeof found === 'object' &&
    found !== null &&
    !Array.isArray(found) &&
    Object.values(found).every((one) => isOne(one))
  );
}

function isPoolCounts(found: unknown): boolean {
  const { requestsPerSecond, sessions } = Object(found) as Fields;
  return [requestsPerSecond, sessions].every(isCount);
}

function isDrainCounts(found: unknown): boolean {
  const { inflight, streams, tunnels, uncopied, isSafe } = Object(found) as Fields;
  return [inflight, streams, tunnels, uncopied].every(isCount) && typeof isSafe === 'boolean';
}

function isCount(found: unknown): boolean {
  return typeof found === 'number' && Number.isFinite(found) && found >= 0;
}
