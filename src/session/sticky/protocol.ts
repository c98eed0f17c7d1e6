/** The session protocol's headers, read and written on the server's side (docs/reference/session-protocol.md). */
import { createHmac } from 'node:crypto';
import type { Reason } from '../session.ts';

export const requestHeader = 'limpet-session';
export const putHeader = 'Limpet-Session-Put';
export const deleteHeader = 'Limpet-Session-Delete';
export const rotateHeader = 'Limpet-Session-Rotate';

/** Characters of base64url up to which a state may travel in a header. */
export const headerChars = 16_384;

export interface Word {
  readonly id: string;
  readonly epoch: number;
  readonly version: number;
  readonly reason: Reason;
  /** Percent-encoded: as it stands in a URL. */
  readonly pool: string;
  readonly store: string;
  readonly copy: string;
  /** What the app may decide of the cookie; '' there is no cookie of the balancer's. */
  readonly allow: string;
  /** Tag of what was said of the client's cookie; all zeros: it is as the balancer is configured. */
  readonly cookie: string;
  /** The state itself, when it came along; `ttl` in milliseconds. */
  readonly state: { readonly text: string; readonly ttl: number } | null;
}

const reasons: readonly string[] = ['new', 'held', 'rebind', 'move'] satisfies Reason[];

function isReason(text: string): text is Reason {
  return reasons.includes(text);
}

/** `a=1; b=2`. The first of a name counts; unknown ones are passed over, so that the protocol can grow. */
export function readFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let start = 0, end: number; start <= text.length; start = end + 1) {
    end = text.indexOf(';', start);
    if (end < 0) end = text.length;
    const equals = text.indexOf('=', start);
    if (equals < 0) break;
    if (equals > end) continue;
    const name = text.slice(start, equals).trim();
    if (!fields.has(name)) fields.set(name, text.slice(equals + 1, end).trim());
  }
  return fields;
}

/** A whole number of the protocol; -1 for anything else. */
export function readNumber(text: string | undefined): number {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : -1;
}

/** What a header says that is believed; else a sentence that says what is wrong with it. */
export function readWord(text: string): Word | string {
  const fields = readFields(text);
  const id = fields.get('id') ?? '';
  const epoch = readNumber(fields.get('epoch'));
  const version = readNumber(fields.get('version'));
  const reason = fields.get('reason') ?? '';
  const pool = fields.get('pool') ?? '';
  const store = fields.get('store') ?? '';
  const wellFormed =
    /^[0-9a-f]{32}$/.test(id) && epoch >= 1 && version >= 0 && isReason(reason) && /^[\w%.~!*'()-]+$/.test(pool);
  if (!wellFormed || store === '') return 'found a Limpet-Session header that is not of this protocol';
  const data = fields.get('data');
  const ttl = readNumber(fields.get('ttl'));
  const state =
    data === undefined || ttl < 1 ? null : { text: Buffer.from(data, 'base64url').toString(), ttl: ttl * 1000 };
  return {
    id,
    epoch,
    version,
    reason,
    pool,
    store,
    copy: fields.get('copy') ?? '',
    allow: fields.get('allow') ?? '',
    cookie: fields.get('cookie') ?? '00000000',
    state,
  };
}

/** What a server shows at the store interface that has the secret. */
export function bearerOf(secret: string): string {
  return createHmac('sha256', secret).update('limpet store interface').digest('hex');
}

/**
 * Milliseconds for which a copy is kept: it is put again only after a quarter of the idle time, and has to last from then on, too.
 * So has the cookie, which is dated anew as seldom.
 */
export function ttlOf(idle: number): number {
  return (idle * 3) / 2;
}

export interface PutWord {
  readonly epoch: number;
  readonly version: number;
  /** Milliseconds. */
  readonly ttl: number;
  readonly by: string;
  /** A hash; undefined: nobody's. */
  readonly user?: string | undefined;
}

/** The value of a Put; `data` is left out when the state comes in a body. */
export function writePut({ epoch, version, ttl, by, user }: PutWord, data: string | null): string {
  const numbers = `epoch=${epoch}; version=${version}; ttl=${Math.max(1, Math.round(ttl / 1000))}; by=${by}`;
  const head = user === undefined ? numbers : `${numbers}; user=${user}`;
  return data === null ? head : `${head}; data=${data}`;
}
