/**
 * Reads the command that a server gives for its session with a response, in the head or in the trailers
 * (docs/reference/session-protocol.md):
 *
 *      Limpet-Session-Put: epoch=<n>; version=<n>; ttl=<s>; by=<process>[; user=<32 hex digits>]; data=<base64url>
 *      Limpet-Session-Delete: epoch=<n>
 *      Limpet-Session-Rotate: epoch=<n>; id=<32 hex digits>[; proof=<base64url>]
 *      Limpet-Degraded: session-store
 *
 * Bytes in, values out. A command with one wrong part is refused as a whole, so that nothing is carried out by half.
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
  /** A hash of the user that the session belongs to. Left out: it belongs to none. */
  readonly user?: string;
  /** null: the state is in the body of the request (store interface). */
  readonly data: Buffer | null;
}

export interface SessionCommand {
  readonly put: SessionPut | null;
  /** The epoch for which the server ends the session; 0: it does not end. */
  readonly ended: number;
  /** The session's new id; without a put it has been put under that id through the store interface. '': it keeps its id. */
  readonly rotate: string;
  /** Of a rotate without a put: the proof that the store interface returned (ownership/rotation-proof.ts). */
  readonly proof?: string;
  /** It came apart from any response, so that the client of a session that ends still has its cookie. */
  readonly isApart?: true;
}

/** The largest number in a record of the session table, and the longest time that timers and dates can hold. */
const largest = 0xffff_ffff;
const longestTtl = 10 * 366 * 86_400;

/** null: there is no command. 'bad': it is not of the protocol. */
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

/** The server could not put its session through the store interface, and sends the response all the same. */
export function isDegraded(headers: Headers): boolean {
  for (let i = headers.first(Name.limpet); i < headers.count; i++) {
    if (headers.id(i) === Name.limpet && isNamed(headers, i, 'limpet-degraded')) return true;
  }
  return false;
}

export function isNamed(headers: Headers, i: number, name: string): boolean {
  return equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), name);
}

/** Reads the value of a Put; null: it is malformed. */
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

/** Reads the epoch of a Delete; 0: it is malformed. */
export function readEpoch(value: string): number {
  return whole(fieldsOf(value).get('epoch'), largest);
}

export interface Rotate {
  readonly epoch: number;
  readonly id: string;
  /** '': there is none. */
  readonly proof: string;
}

export function readRotate(value: string): Rotate | null {
  const fields = fieldsOf(value);
  const epoch = whole(fields.get('epoch'), largest);
  const id = fields.get('id') ?? '';
  return epoch === 0 || !isSessionId(id) ? null : { epoch, id, proof: fields.get('proof') ?? '' };
}

/** The form of the hash of a user. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

export function isSessionId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
}

/** `name=value; name=value`. Of equal names the first counts. */
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

/** A whole number from 1 to `most`; 0: it is none. */
export function whole(text: string | undefined, most: number): number {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return 0;
  const found = Number(text);
  return found <= most ? found : 0;
}
