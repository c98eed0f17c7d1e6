/**
 * Affinity for debugging: a signed header or query parameter chooses the server of one request. It is accepted from trusted peers only,
 * expires, is removed before the request goes to the server, and never binds a session.
 *
 *      Limpet-Force: app-2:1800003600:Zm9yY2UgaXMgbm90IHBvd
 *                    server, expiry in Unix seconds, HMAC-SHA-256 over the pool and both, cut to 128 bits
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FieldKinds } from '../config/field-kinds.ts';
import type { RequestHead } from '../http/head.ts';
import type { Splice } from '../http/splice.ts';
import type { Affinity, ClientFacts, Recognition } from './affinity.ts';
import type { AffinityDescriptor } from './descriptor.ts';
import { fixTo } from './fixed.ts';
import { hasKey, hideKey, type KeyOptions, KeyScan, keyFields, keyOf, keyText } from './key.ts';
import { derive } from './token.ts';

export interface ForceOptions {
  readonly type: 'force';
  readonly key: KeyOptions;
}

const forceForm = 'a map with header, cookie or query (one of them)';

export const force = {
  type: 'force',
  meaning: 'A signed header or parameter of a trusted peer picks the server, for debugging.',
  schema(kinds: FieldKinds) {
    const { map, z } = kinds;
    return map(keyFields(kinds), forceForm).transform((fields, context): ForceOptions => {
      const key = keyOf(fields);
      if (key !== null) return { type: 'force', key };
      context.issues.push({ code: 'custom', message: forceForm, input: fields });
      return z.NEVER;
    });
  },
  check(_options, report) {
    const { config, index, pool } = report;
    const before = pool.affinity.slice(0, index).findIndex(({ type }) => type !== 'force');
    if (before >= 0) report.warning('entry', `not asked for clients that affinity[${before}] recognises: put it first`);
    if (config.listeners.every(({ trustedProxies }) => trustedProxies.length === 0))
      report.warning([], 'believed of nobody: it counts from trusted proxies, and no listener has trustedProxies');
  },
  timesOf: () => null,
  tableNameOf: () => '',
  whyRecognised: ({ key }) => `${keyText(key)} is signed, and the peer is trusted`,
  whyNotRecognised({ key }, request, peerTrusted) {
    if (!hasKey(key, request)) return `no ${keyText(key)}`;
    return peerTrusted
      ? `${keyText(key)} is out of date, not signed with a key of ours, or for a server of another pool`
      : `${keyText(key)} counts from trusted peers only`;
  },
  create: ({ key }, dependencies) => new ForceAffinity(key, dependencies),
} satisfies AffinityDescriptor<ForceOptions>;

const macBytes = 16;

export interface ForceDependencies {
  /** Secrets of at least 32 bytes, at least one: a signature by any of them is accepted. */
  readonly keys: readonly Buffer[];
  /** Name of the pool: what is signed for another pool is not accepted. */
  readonly pool: string;
  /** Id of a server of the pool by name; undefined when it has none of that name. */
  readonly idOf: (server: string) => number | undefined;
}

export class ForceAffinity implements Affinity {
  readonly name = 'force';
  private readonly key: KeyOptions;
  private readonly keys: KeyScan;
  private readonly deps: ForceDependencies;

  constructor(key: KeyOptions, deps: ForceDependencies) {
    this.key = key;
    this.keys = new KeyScan(key);
    this.deps = deps;
  }

  recognise(request: RequestHead, client: ClientFacts, now: number, recognition: Recognition, edit: Splice): boolean {
    const { keys } = this;
    keys.begin(request);
    let text = keys.next();
    if (text === null) return false;
    hideKey(request, this.key, edit);
    if (client.peerTrusted !== true) return false;
    for (; text !== null; text = keys.next()) {
      const owner = this.ownerOf(text, now);
      if (owner === undefined) continue;
      fixTo(owner, this, now, recognition);
      return true;
    }
    return false;
  }

  private ownerOf(text: string, now: number): number | undefined {
    // The name of a server may be its address, which has a colon in it.
    const [, server, expires, mac] = /^(.+):(\d{1,10}):([\w-]+)$/.exec(text) ?? [];
    if (server === undefined || expires === undefined || mac === undefined || now >= Number(expires)) return undefined;
    const given = Buffer.from(mac, 'base64url');
    if (given.length !== macBytes) return undefined;
    const signed = this.deps.keys.some((key) => timingSafeEqual(macOf(key, this.deps.pool, server, expires), given));
    return signed ? this.deps.idOf(server) : undefined;
  }
}

/** The text that `force` of the pool accepts for the server until `expires` (Unix seconds). `key`: one of the token keys. */
export function forceToken(pool: string, server: string, expires: number, key: Buffer): string {
  return `${server}:${expires}:${macOf(key, pool, server, String(expires)).toString('base64url')}`;
}

/** The name of a pool has no slash, so the signed text has one reading only. */
function macOf(key: Buffer, pool: string, server: string, expires: string): Buffer {
  const hmac = createHmac('sha256', derive(key, 'limpet force')).update(`${pool}/${server}:${expires}`);
  return hmac.digest().subarray(0, macBytes);
}
