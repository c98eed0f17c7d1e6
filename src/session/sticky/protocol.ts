/** The headers of the session protocol, read and written on the server's side (docs/reference/session-protocol.md). */
import type { Reason } from '../session.ts';
import { sessionIdShape } from '../session-id.ts';

export const requestHeader = 'limpet-session';
export const putHeader = 'Limpet-Session-Put';
export const deleteHeader = 'Limpet-Session-Delete';
export const rotateHeader = 'Limpet-Session-Rotate';

/** Characters of base64url up to which a state may be sent in a header. */
export const maxHeaderChars = 16_384;

/** What the balancer says of the session of a request: the fields of its Limpet-Session header. */
export interface SessionHeader {
  readonly id: string;
  readonly epoch: number;
  readonly version: number;
  readonly reason: Reason;
  /** Percent-encoded, as it stands in a URL. */
  readonly pool: string;
  /** Address of the balancer's store interface. */
  readonly store: string;
  /** Incarnation of the balancer's store (field `copy`): another one does not have what was put before. */
  readonly storeIncarnation: string;
  /** The cookie attributes that the app may set; '' the balancer has no cookie. */
  readonly allow: string;
  /** Tag of the attributes that the client's cookie was set with; all zeros: it is as the balancer is configured. */
  readonly cookie: string;
  /** The state, when the header has it. */
  readonly state: { readonly text: string; readonly ttlMs: number } | null;
}

const reasons: readonly string[] = ['new', 'held', 'rebind', 'move'] satisfies Reason[];

function isReason(text: string): text is Reason {
  return reasons.includes(text);
}

/** Reads `a=1; b=2`. Of fields with one name the first counts; unknown ones are skipped, so that the protocol can grow. */
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

/** The fields of a header whose signature is valid; else a sentence that says what is wrong with it. */
export function readSessionHeader(text: string): SessionHeader | string {
  const fields = readFields(text);
  const id = fields.get('id') ?? '';
  const epoch = readNumber(fields.get('epoch'));
  const version = readNumber(fields.get('version'));
  const reason = fields.get('reason') ?? '';
  const pool = fields.get('pool') ?? '';
  const store = fields.get('store') ?? '';
  const isWellFormed =
    sessionIdShape.test(id) && epoch >= 1 && version >= 0 && isReason(reason) && /^[\w%.~!*'()-]+$/.test(pool);
  if (!isWellFormed || store === '') return 'found a Limpet-Session header that is not of this protocol';
  const data = fields.get('data');
  const ttl = readNumber(fields.get('ttl'));
  const state =
    data === undefined || ttl < 1 ? null : { text: Buffer.from(data, 'base64url').toString(), ttlMs: ttl * 1000 };
  return {
    id,
    epoch,
    version,
    reason,
    pool,
    store,
    storeIncarnation: fields.get('copy') ?? '',
    allow: fields.get('allow') ?? '',
    cookie: fields.get('cookie') ?? '00000000',
    state,
  };
}

/**
 * Milliseconds for which the store keeps a copy. It is put again only after a quarter of the idle time, and from then on has to last for
 * the whole of it. So has the cookie, which is dated anew as seldom.
 */
export function copyTtlMs(idleMs: number): number {
  return (idleMs * 3) / 2;
}

/** The fields of a put. */
export interface PutFields {
  readonly epoch: number;
  readonly version: number;
  readonly ttlMs: number;
  /** The process that puts it (field `by`): versions of one epoch are numbered by one process. */
  readonly processId: string;
  /** A hash; undefined: nobody is signed in. */
  readonly user?: string | undefined;
}

/** The value of a put header. `data`: the state in base64url; null: it is sent in a body. */
export function writePut({ epoch, version, ttlMs, processId, user }: PutFields, data: string | null): string {
  const ttl = Math.max(1, Math.round(ttlMs / 1000));
  const numbers = `epoch=${epoch}; version=${version}; ttl=${ttl}; by=${processId}`;
  const head = user === undefined ? numbers : `${numbers}; user=${user}`;
  return data === null ? head : `${head}; data=${data}`;
}
