/**
 * The parts of a head where the name of a session may stand (header, query parameter, path parameter), found by position and without
 * making strings; and how messages write these parts.
 */
import { EQUALS, equalsIgnoreCase, hexValue, QUESTION, SEMICOLON, SLASH, SP } from '../http/bytes.ts';
import type { Headers } from '../http/headers.ts';
import type { AffinityReport, IdSource } from './descriptor.ts';
import { longestName } from './named.ts';

export const AMPERSAND = 38;
const PERCENT = 37;
const PLUS = 43;
const HASH = 35;

/** Index of the first header with that name at or after `i`; -1: there is none. `lower`: the name in lower case. */
export function nextHeader(headers: Headers, lower: string, i: number): number {
  for (let n = i; n < headers.count; n++)
    if (equalsIgnoreCase(headers.bytes, headers.lineStart(n), headers.nameEnd(n), lower)) return n;
  return -1;
}

/** Finds the values of one query parameter. The last one found is `bytes[start..end)`, until the next search. */
export class QueryParameter {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  private readonly name: Uint8Array;
  private target: Uint8Array = this.bytes;
  private p = 0;
  private targetEnd = 0;
  /** One byte longer than the longest name, so that a longer text is seen to be too long. */
  private readonly decoded = new Uint8Array(longestName + 1);

  constructor(name: string) {
    this.name = Buffer.from(name);
  }

  /** Finds the first parameter with that name and a value in a request target; `next` finds those after it. */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    let p = start;
    while (p < end && bytes[p] !== QUESTION) p++;
    this.target = bytes;
    this.p = p;
    this.targetEnd = end;
    return this.next();
  }

  /** A value with `%` or `+` is decoded as in forms; any other is not copied. */
  next(): boolean {
    const { target: bytes, targetEnd: end } = this;
    let { p } = this;
    while (p < end) {
      p++;
      const value = this.behindName(bytes, p, end);
      let escaped = false;
      if (value >= 0) p = value;
      for (; p < end && bytes[p] !== AMPERSAND; p++) escaped ||= bytes[p] === PERCENT || bytes[p] === PLUS;
      if (value < 0 || value === p) continue;
      if (escaped) this.decode(bytes, value, p);
      else {
        this.bytes = bytes;
        this.start = value;
        this.end = p;
      }
      this.p = p;
      return true;
    }
    this.p = p;
    return false;
  }

  /** Position of the value, if a pair with that name begins at `start`; else -1. */
  private behindName(bytes: Uint8Array, start: number, end: number): number {
    const p = behindName(bytes, start, end, this.name);
    return p >= 0 && p < end && bytes[p] === EQUALS ? p + 1 : -1;
  }

  private decode(bytes: Uint8Array, start: number, end: number): void {
    const { decoded } = this;
    let n = 0;
    for (let p = start; p < end && n < decoded.length; n++) {
      const unit = unitAt(bytes, p, end);
      decoded[n] = unit & 255;
      p += unit >> 8;
    }
    this.bytes = decoded;
    this.start = 0;
    this.end = n;
  }
}

/** True when the parameter `bytes[start..end)` of a query has the name (UTF-8), with a value or without. */
export function isParameter(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  const p = behindName(bytes, start, end, name);
  return p === end || (p >= 0 && bytes[p] === EQUALS);
}

/** Position after the name, if it begins at `start` in any encoding; else -1. */
function behindName(bytes: Uint8Array, start: number, end: number, name: Uint8Array): number {
  let p = start;
  for (const want of name) {
    if (p >= end || bytes[p] === AMPERSAND || bytes[p] === EQUALS) return -1;
    const unit = unitAt(bytes, p, end);
    if ((unit & 255) !== want) return -1;
    p += unit >> 8;
  }
  return p;
}

/** In bits 0 to 7 the decoded byte at `p`, above them how many bytes encode it. A `%` without two hex digits stands for itself. */
function unitAt(bytes: Uint8Array, p: number, end: number): number {
  const byte = bytes[p]!;
  if (byte === PLUS) return SP | (1 << 8);
  if (byte !== PERCENT || p + 2 >= end) return byte | (1 << 8);
  const high = hexValue[bytes[p + 1]!]!;
  const low = hexValue[bytes[p + 2]!]!;
  return high === 255 || low === 255 ? byte | (1 << 8) : (high << 4) | low | (3 << 8);
}

/** Finds the values of one path parameter, `;name=value` at the end of a path segment. */
export class PathParameter {
  start = 0;
  end = 0;
  private readonly lower: string;
  private target: Uint8Array = new Uint8Array(0);
  private targetEnd = 0;

  constructor(name: string) {
    this.lower = name.toLowerCase();
  }

  /** Finds the first parameter with that name and a value in a target or URL; `next` finds those after it. */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    this.target = bytes;
    this.end = start;
    this.targetEnd = end;
    return this.next();
  }

  next(): boolean {
    const { lower, target: bytes, targetEnd: end } = this;
    for (let p = this.end; p < end; p++) {
      const byte = bytes[p];
      if (byte === QUESTION || byte === HASH) return false;
      if (byte !== SEMICOLON) continue;
      const equals = p + 1 + lower.length;
      if (equals >= end || bytes[equals] !== EQUALS || !equalsIgnoreCase(bytes, p + 1, equals, lower)) continue;
      let q = equals + 1;
      while (q < end && bytes[q] !== SEMICOLON && bytes[q] !== SLASH && bytes[q] !== QUESTION && bytes[q] !== HASH) q++;
      if (q === equals + 1) continue;
      this.start = equals + 1;
      this.end = q;
      return true;
    }
    return false;
  }
}

export function cookieSource(name: string): IdSource {
  return { text: `cookie ${name}`, quoted: `the cookie "${name}"` };
}

export function headerSource(name: string): IdSource {
  return { text: `header ${name}`, quoted: `the header "${name.toLowerCase()}"` };
}

export function querySource(name: string): IdSource {
  return { text: `query parameter ${name}`, quoted: `the query parameter "${name}"` };
}

export function pathParameterSource(name: string): IdSource {
  return { text: `path parameter ;${name}=`, quoted: `the path parameter "${name}"` };
}

/** Headers about the message or the connection, and those that are the same for all clients of a site. */
const reserved = [
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Reports a header that cannot name a session. `field`: the option that has its name. */
export function checkHeader(name: string, field: readonly string[], report: AffinityReport): void {
  const lower = name.toLowerCase();
  const found = JSON.stringify(name);
  if (lower === 'cookie' || lower === 'set-cookie') {
    report.error(field, `found ${found}, which holds many things: name the cookie with { learn: NAME }`);
  } else if (lower.startsWith('limpet-')) {
    report.error(field, `found ${found}: Limpet removes headers of that name`);
  } else if (reserved.includes(lower)) {
    report.error(field, `found ${found}, which is about the message, expected a header that names a session`);
  }
}

/** Reports an app's cookie that an affinity of the pool sets itself. '': there is no cookie. */
export function checkAppCookie(cookie: string, report: AffinityReport): void {
  if (cookie !== '' && report.ownCookies.includes(cookie)) {
    report.error([], `"${cookie}" is our own cookie too: name the one that the app sets`);
  }
}
