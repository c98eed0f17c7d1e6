/**
 * Recognises a session for an operator, as the pool would: its affinities are asked in their order about a request that carries what the
 * operator has. Nothing is bound, and nothing is written.
 */
import { randomFillSync } from 'node:crypto';
import type { SessionQuery } from '../admin/schemas.ts';
import { Recognition } from '../affinity/affinity.ts';
import { createAffinity, descriptorOf } from '../affinity/registry.ts';
import { SessionStatus } from '../affinity/session-status.ts';
import { TokenRings } from '../affinity/token.ts';
import { createFleet, idKeysOf } from '../balancer/fleets.ts';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import type { Load } from '../fleet/load.ts';
import { RequestHead } from '../http/head.ts';
import { Splice } from '../http/splice.ts';
import { formatId } from '../ownership/session-id.ts';
import { kindName, type Numbers } from '../shared/slots.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type Clock, unixSeconds } from '../time/clock.ts';

export interface Recognised {
  readonly affinity: string;
  readonly kind: 'token' | 'key' | 'hash' | 'fixed';
  /** 32 hex digits, or 16 where the session has no whole id; null: the affinity names no session. */
  readonly id: string | null;
  /** Id of the server that the request names; 0: it names none. */
  readonly ownerId: number;
  readonly epoch: number;
}

export interface SessionFinderDependencies {
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  readonly tableSecret: Buffer;
  readonly load: Load;
  readonly clock: Clock;
}

const limits = { headBytes: 64 * 1024, headers: 100, uriBytes: 32 * 1024 };

/** null: no session is recognised. */
export function recognise(query: SessionQuery, pool: PoolOptions, deps: SessionFinderDependencies): Recognised | null {
  if (query.id !== undefined) return { affinity: 'id', kind: 'token', id: query.id, ownerId: 0, epoch: 0 };
  return recogniseIn(requestBytes(query, pool), query.client ?? '', pool, deps);
}

/** The same in the head of a request. */
export function recogniseIn(
  bytes: Buffer,
  client: string,
  pool: PoolOptions,
  deps: SessionFinderDependencies,
): Recognised | null {
  const { options, numbers, tableSecret, load, clock } = deps;
  const given = options();
  const {
    keys,
    clock: { skew },
  } = given;
  const idKeys = idKeysOf(given, tableSecret);
  const fleet = createFleet(pool, { load, numbers: numbers(), idKeys });
  const head = new RequestHead(limits);
  if (head.read(bytes, 0, bytes.length) <= 0) return null;
  const facts = { clientAddress: client, clientSecure: true };
  const rings = new TokenRings();
  for (const one of pool.affinity) {
    const kind = kindName(pool.name, one);
    const affinity = createAffinity(one, {
      pool: pool.name,
      keys,
      hashKey: idKeys.hash,
      names: Fingerprints.of(tableSecret, kind),
      ids: pool.sessions ? Fingerprints.of(tableSecret, `id ${kind}`) : undefined,
      statusOf: () => SessionStatus.unknown,
      sessions: pool.sessions,
      lifetime: numbers().lifetimes.get(kind) ?? 0,
      skew: skew / 1000,
      onAhead() {},
      onForeign() {},
      onLimited() {},
      idOf: (name) => fleet.servers.find((server) => server.name === name)?.tokenId,
      randomWords: (words) => void randomFillSync(words),
      rings,
    });
    const recognition = new Recognition();
    if (!affinity.recognise(head, facts, unixSeconds(clock), recognition, new Splice())) continue;
    if (!recognition.recognised) continue;
    const { sid0, sid1, hasId, owner, epoch } = recognition;
    const id = sid0 === 0 && sid1 === 0 ? null : formatId(recognition).slice(0, hasId ? 32 : 16);
    return { affinity: one.type, kind: recognition.kind, id, ownerId: owner, epoch };
  }
  return null;
}

function requestBytes(
  { cookie, token, header, headers = {}, path = '/' }: SessionQuery,
  { affinity }: PoolOptions,
): Buffer {
  const isValue = cookie !== undefined && !cookie.includes('=');
  const values = affinity.flatMap((one) => {
    if (!('name' in one)) return [];
    const isOwn = token !== undefined && descriptorOf(one).issuesTokens;
    return isOwn ? [`${String(one.name)}=${token}`] : isValue ? [`${String(one.name)}=${cookie}`] : [];
  });
  const cookies = [...(cookie === undefined || isValue ? [] : [cookie]), ...values].join('; ');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (header !== undefined) lines.push(header);
  if (cookies !== '') lines.push(`Cookie: ${cookies}`);
  return Buffer.from([`GET ${path} HTTP/1.1`, 'Host: limpet', ...lines, '', ''].join('\r\n'), 'latin1');
}
