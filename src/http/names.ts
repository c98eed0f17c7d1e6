/** The header names that Limpet itself uses, with a number for each, and a look-up that needs no string. */
import { foldName } from './bytes.ts';

const names = [
  '', // 0: every other name
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'cookie',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
  'proxy-connection',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'via',
  'accept',
  'http2-settings',
  'proxy',
  'set-cookie',
  'cache-control',
  'date',
  'expires',
  'cdn-cache-control',
  'surrogate-control',
  'x-real-ip',
  'if-none-match',
  'if-modified-since',
  'strict-transport-security',
  'x-forwarded-', // any other name with this prefix
  'limpet-', // any name with this prefix
] as const;

export const Name = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  cookie: 5,
  expect: 6,
  upgrade: 7,
  te: 8,
  trailer: 9,
  keepAlive: 10,
  proxyConnection: 11,
  forwarded: 12,
  xForwardedFor: 13,
  xForwardedProto: 14,
  xForwardedHost: 15,
  via: 16,
  accept: 17,
  http2Settings: 18,
  /** httpoxy (CVE-2016-5385): CGI turns it into HTTP_PROXY. */
  proxy: 19,
  setCookie: 20,
  cacheControl: 21,
  date: 22,
  expires: 23,
  cdnCacheControl: 24,
  surrogateControl: 25,
  /** Other headers by which a client may claim an address; Limpet does not write them. Only believed from trusted proxies. */
  xRealIp: 26,
  ifNoneMatch: 27,
  ifModifiedSince: 28,
  strictTransportSecurity: 29,
  xForwardedOther: 30,
  limpet: 31,
} as const;

export const nameCount = names.length;

/** By number, in lower case; the last two are prefixes. */
export const nameTexts: readonly string[] = names;

const spelled = names.map((name) => Uint8Array.from(name, (c) => c.charCodeAt(0)));

/** Start value and step of the hash that the header reader keeps while it reads a name. */
export function hashStep(hash: number, folded: number): number {
  return (Math.imul(hash, 31) + folded) | 0;
}

const slots = 1024;
const table = new Uint8Array(slots);

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (slots - 1);
}

for (let id = 1; id < Name.xForwardedOther; id++) {
  let hash = 0;
  for (const byte of spelled[id]!) hash = hashStep(hash, byte);
  if (table[slotOf(hash)] !== 0)
    throw new Error(`header names ${names[id]} and ${names[table[slotOf(hash)]!]} share a slot`);
  table[slotOf(hash)] = id;
}

/** The number of the name in `bytes[start..end)`, whose folded hash is `hash`; `_`, `.` and the like count as `-`. */
export function nameOf(bytes: Uint8Array, start: number, end: number, hash: number): number {
  const id = table[slotOf(hash)]!;
  if (id !== 0 && end - start === spelled[id]!.length && startsWith(bytes, start, spelled[id]!)) return id;
  // Most names have neither of the two prefixes.
  const first = foldName[bytes[start]!]!;
  if (first === firstOfLimpet) return hasPrefix(bytes, start, end, Name.limpet) ? Name.limpet : Name.other;
  if (first !== firstOfXForwarded) return Name.other;
  return hasPrefix(bytes, start, end, Name.xForwardedOther) ? Name.xForwardedOther : Name.other;
}

const firstOfLimpet = names[Name.limpet].charCodeAt(0);
const firstOfXForwarded = names[Name.xForwardedOther].charCodeAt(0);

function hasPrefix(bytes: Uint8Array, start: number, end: number, id: number): boolean {
  const prefix = spelled[id]!;
  return end - start >= prefix.length && startsWith(bytes, start, prefix);
}

function startsWith(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    if (foldName[bytes[start + i]!] !== name[i]) return false;
  }
  return true;
}
