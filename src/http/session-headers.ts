/**
 * What a server says of its session on a response, in the head or in the trailers (docs/reference/session-protocol.md):
 *
 *      Limpet-Session-Put: epoch=<n>; version=<n>; ttl=<s>; by=<process>[; user=<32 hex digits>]; data=<base64url>
 *      Limpet-Session-Delete: epoch=<n>
 *      Limpet-Session-Rotate: epoch=<n>; id=<32 hex digits>[; proof=<base64url>]
 *      Limpet-Degraded: session-store
 *
 * Bytes in, values out; whoever cannot be understood is refused as a whole, so that nothing is kept by half.
 */
import { equalsIgnoreCase } from './bytes.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';

export interface SessionPut {
  readonly epoch: number;
  readonly version: number;
  /** Seconds. */
  readonly ttl: number;
  readonly by: string;
  /** A hash of whose session it is. Left out: nobody's. */
  readonly user?: string;
  /** null: the state comes by another way. */
  readonly data: Buffer | null;
}

export interface SessionCommand {
  readonly put: SessionPut | null;
  /** Epoch of the session that is over; 0: it goes on. */
  readonly ended: number;
  /** The id under which what is put goes on, or, without a put, has been put through the store interface; '' the same. */
  readonly rotate: string;
  /** Of a rotate without a put: what the store interface answered to it. */
  readonly proof?: string;
}

/** What fits into the words of the table, and what timers and dates can hold. */
const largest = 0xffff_ffff;
const longestTtl = 10 * 366 * 86_400;

/** null: it says nothing of a session. 'bad': it says something that is not in the protocol. */
export function readSessionCommand(headers: Headers): SessionCommand | 'bad' | null {
  let put: SessionPut | null = null;
  let ended = 0;
  let rotate: Rotate | null = null;
  for (let i = headers.first(Name.limpet); headers.has(Name.limpet) && i < headers.count; i++) {
    if (headers.id(i) !== Name.limpet) continue;
    if (isNamed(headers, i, 'limpet-session-put')) {
      if (put !== null) return 'bad';
      put = readPut(headers.value(i));
      if (put === null || put.data === null) return 'bad';
    } else if (isNamed(headers, i, 'limpet-session-delete')) {
      if (ended !== 0) return 'bad';
      ended = readEpoch(headers.value(i));
      if (ended === 0) return 'bad';
    } else if (isNamed(headers, i, 'limpet-session-rotate')) {
      if (rotate !== null) return 'bad';
      rotate = readRotate(headers.value(i));
      if (rotate === null) return 'bad';
    }
  }
  if (put === null && ended === 0 && rotate === null) return null;
  if (ended !== 0 && (put !== null || rotate !== null)) return 'bad';
  if (rotate !== null && put !== null && rotate.epoch !== put.epoch) return 'bad';
  const command = { put, ended, rotate: rotate?.id ?? '' };
  return rotate === null || rotate.proof === '' ? command : { ...command, proof: rotate.proof };
}

/** The server could not keep its session through the store interface, and lets the answer pass all the same. */
export function isDegraded(headers: Headers): boolean {
  for (let i = headers.first(Name.limpet); i < headers.count; i++) {
    if (headers.id(i) === Name.limpet && isNamed(headers, i, 'limpet-degraded')) return true;
  }
  return false;
}

export function isNamed(headers: Headers, i: number, name: string): boolean {
  return equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), name);
}

/** The value of a Put; null when it is none. */
export function readPut(value: string): SessionPut | null {
  const fields = fieldsOf(value);
  const epoch = whole(fields.get('epoch'), largest);
  const version = whole(fields.get('version'), largest);
  const ttl = whole(fields.get('ttl'), longestTtl);
  const by = fields.get('by') ?? '';
  const user = fields.get('user');
  const text = fields.get('data');
  if (epoch === 0 || version === 0 || ttl === 0 || !/^[\w.~-]{1,64}$/.test(by)) return null;
  if (user !== undefined && !isHash(user)) return null;
  if (text !== undefined && !/^[A-Za-z0-9_-]*$/.test(text)) return null;
  const data = text === undefined ? null : Buffer.from(text, 'base64url');
  return { epoch, version, ttl, by, data, ...(user !== undefined && { user }) };
}

/** The epoch of a Delete; 0 when there is none. */
export function readEpoch(value: string): number {
  return whole(fieldsOf(value).get('epoch'), largest);
}

export interface Rotate {
  readonly epoch: number;
  readonly id: string;
  /** '' none. */
  readonly proof: string;
}

export function readRotate(value: string): Rotate | null {
  const fields = fieldsOf(value);
  const epoch = whole(fields.get('epoch'), largest);
  const id = fields.get('id') ?? '';
  return epoch === 0 || !isSessionId(id) ? null : { epoch, id, proof: fields.get('proof') ?? '' };
}

/** Of a user. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

export function isSessionId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
}

/** `name=value; name=value`: the first of a name counts, what is not known is passed over. */
export function fieldsOf(value: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of value.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim();
    if (!fields.has(name)) fields.set(name, part.slice(equals + 1).trim());
  }
  return fields;
}

/** 0 for what is not a whole number from 1 to `most`. */
export function whole(text: string | undefined, most: number): number {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return 0;
  const found = Number(text);
  return found <= most ? found : 0;
}
