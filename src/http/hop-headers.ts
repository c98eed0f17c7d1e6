/**
 * Headers that are meant for the next hop only (RFC 9110 section 7.6.1), and those that a client or a server must not send to the
 * other side. Each is a bit, so that a usual head costs one test.
 */
import type { Headers } from './headers.ts';
import { Name } from './names.ts';
import type { Splice } from './splice.ts';
import { mayBeTrailer } from './trailers.ts';

function bits(...ids: number[]): number {
  return ids.reduce((mask, id) => mask | (1 << id), 0);
}

const hop = bits(
  Name.connection,
  Name.keepAlive,
  Name.proxyConnection,
  Name.te,
  Name.transferEncoding,
  Name.upgrade,
  Name.http2Settings,
  Name.limpet,
);

const fromClient = hop | bits(Name.proxy);
const claims = bits(Name.xRealIp, Name.xForwardedOther);
const forwarded = bits(Name.forwarded, Name.xForwardedFor, Name.xForwardedProto, Name.xForwardedHost);

/**
 * Cuts what a server must not get from a client. Also forwarding headers, because Limpet writes its own (forwarded.ts); those that it
 * does not write stay when the peer is a trusted proxy.
 */
export function cutFromRequest(headers: Headers, edit: Splice, trusted: boolean): void {
  cut(headers, fromClient | forwarded | (trusted ? 0 : claims), edit);
}

/** Cuts what a client must not get from a server. The reason of a refusal by the session library stays. */
export function cutFromResponse(headers: Headers, edit: Splice): void {
  if ((headers.seen & (1 << Name.limpet)) === 0) {
    cut(headers, hop, edit);
    return;
  }
  for (let i = 0; i < headers.count; i++) {
    const isHop = ((1 << headers.id(i)) & hop) !== 0;
    if (headers.isDropped(i) || (isHop && !isForClient(headers, i))) edit.cutLine(headers, i);
  }
}

/** One of the two Limpet headers that a server may send to the client, with a value that the session library uses. */
function isForClient(headers: Headers, i: number): boolean {
  if (headers.id(i) !== Name.limpet) return false;
  const name = headers.bytes.toString('latin1', headers.lineStart(i), headers.nameEnd(i)).toLowerCase();
  if (name === 'limpet-degraded') return headers.value(i) === 'session-store';
  return name === 'limpet-reason' && sessionReasons.has(headers.value(i));
}

/** The values that the session library sends: the codes of session/error.ts, and session-error for other errors. */
const sessionReasons = new Set([
  'no-balancer',
  'not-serialisable',
  'state-too-large',
  'cookie-too-large',
  'head-left',
  'session-ended',
  'session-fenced',
  'session-conflict',
  'session-limit',
  'session-ending',
  'session-lost',
  'session-store',
  'session-error',
]);

/** A 204 or 1xx has no body, and must not have a Content-Length (RFC 9110 section 8.6). */
export function cutContentLength(headers: Headers, edit: Splice): void {
  cut(headers, bits(Name.contentLength), edit);
}

/** Trailers that are not passed on (trailers.ts) are not announced either. */
export function cutTrailerNames(headers: Headers, edit: Splice): void {
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) !== Name.trailer) continue;
    const names = headers
      .value(i)
      .split(',')
      .map((name) => name.trim());
    const kept = names.filter(mayBeTrailer);
    if (kept.length === names.length) continue;
    edit.cutLine(headers, i);
    if (kept.length > 0) edit.add(`Trailer: ${kept.join(', ')}`);
  }
}

export function cutHost(headers: Headers, edit: Splice): void {
  cut(headers, bits(Name.host), edit);
}

function cut(headers: Headers, mask: number, edit: Splice): void {
  if ((headers.seen & mask) === 0 && !headers.hasDropped) return;
  for (let i = 0; i < headers.count; i++) {
    if (((1 << headers.id(i)) & mask) !== 0 || headers.isDropped(i)) edit.cutLine(headers, i);
  }
}
