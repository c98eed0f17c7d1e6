/** What a hostile HTTP/2 sequence is, and the pieces that the tables of them are made of. Bytes are latin1 text: a character is a byte. */
import { FrameType } from '../../src/http/h2/frame.ts';
import { frame, setting, uint32 } from '../support/h2-frames.ts';
import { literal } from '../support/h2-raw.ts';
import type { Seen } from './requests.ts';

export interface H2Case {
  readonly name: string;
  readonly source: string;
  /** Behind preface and SETTINGS; with `raw`, all of it. */
  readonly data: string;
  readonly raw: boolean;
  /**
   * What comes of each stream: `200` of the server, status and reason of a refusal, or `reset` and its code; for a response that is whole
   * before its request is, both. Others get nothing.
   */
  readonly streams: Readonly<Record<number, string>>;
  /** Code of GOAWAY, behind which the connection ends; null: another request on the connection is served. */
  readonly goaway: number | null;
  /** Whole requests that the server must have got, in any order. */
  readonly seen: readonly Seen[];
  /** Not sent in pieces: it is too long, or the server must not have answered before all of it has come. */
  readonly isUncut: boolean;
}

export const code = {
  no: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export const { data, headers, priority, resetStream, settings, pushPromise, ping, goaway, windowUpdate, continuation } =
  FrameType;

/** A frame as text. */
export function f(type: number, flags: number, id: number, payload = '', length?: number): string {
  return frame(type, flags, id, payload, length).toString('latin1');
}

export function u32(value: number): string {
  return uint32(value).toString('latin1');
}

export function set(id: number, value: number): string {
  return f(settings, 0, 0, setting(id, value).toString('latin1'));
}

export type Fields = readonly (readonly [name: string, value: string])[];

export function block(fields: Fields): string {
  return fields.map(([name, value]) => literal(name, value)).join('');
}

export const pseudo: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/TTTTTTTT'],
];

export const postPseudo: Fields = pseudo.map(([name, value]) => [name, name === ':method' ? 'POST' : value]);

/** HEADERS that end the request. */
export function request(id: number, fields: Fields, flags = 5): string {
  return f(headers, flags, id, block(fields));
}

export function get(id: number, ...more: Fields): string {
  return request(id, [...pseudo, ...more]);
}

/** A request whose data follow. */
export function post(id: number, ...more: Fields): string {
  return request(id, [...postPseudo, ...more], 4);
}

/** The fields of GET with these in place of those of the same name; a null leaves one out. */
export function changed(changes: Readonly<Record<string, string | null>>, base: Fields = pseudo): Fields {
  return base.flatMap(([name, value]): Fields => {
    const other = name in changes ? changes[name] : value;
    return typeof other === 'string' ? [[name, other]] : [];
  });
}

export const got: Seen = { line: 'GET /TTTTTTTT HTTP/1.1', body: '' };
export const posted: Seen = { line: 'POST /TTTTTTTT HTTP/1.1', body: 'hello' };

const usual = { raw: false, streams: {}, goaway: null, seen: [], isUncut: false } as const;

type Change = Partial<Omit<H2Case, 'name' | 'source' | 'data'>>;

export function sequence(name: string, source: string, bytes: string, change: Change): H2Case {
  return { ...usual, name, source, data: bytes, ...change };
}

/** Stream 1 is served. */
export function served(name: string, source: string, bytes: string, seen: Seen = got, change: Change = {}): H2Case {
  return sequence(name, source, bytes, { streams: { 1: '200' }, seen: [seen], ...change });
}

/** Stream 1 is malformed, and the connection goes on. */
export function malformed(name: string, source: string, bytes: string, change: Change = {}): H2Case {
  return sequence(name, source, bytes, { streams: { 1: 'reset 1' }, ...change });
}

/** Stream 1 gets this response of the balancer. */
export function refused(answer: string, name: string, source: string, bytes: string, change: Change = {}): H2Case {
  return sequence(name, source, bytes, { streams: { 1: answer }, ...change });
}

/** The connection ends. */
export function fatal(error: number, name: string, source: string, bytes: string, change: Change = {}): H2Case {
  return sequence(name, source, bytes, { goaway: error, ...change });
}

export function times(count: number, make: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => make(i)).join('');
}
