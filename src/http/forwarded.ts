/**
 * Who the client is, told to the server (Via, X-Forwarded-*, Forwarded of RFC 7239), and read from our own
 * proxies in front of us. What an untrusted peer says of itself counts for nothing (I8).
 */
import { equalsIgnoreCase } from './bytes.ts';
import type { RequestHead } from './head.ts';
import type { Headers } from './headers.ts';
import { addressOf } from './ip.ts';
import { Name } from './names.ts';
import type { HeadWriter } from './writer.ts';

/** Proxies of our own that a request may have come through. Each is looked up among the trusted networks. */
export const maxHops = 32;

const ofProxies = (1 << Name.via) | (1 << Name.forwarded) | (1 << Name.xForwardedFor);

/** The peer says that it is a proxy, which may have many clients: believed where it only makes us careful. */
export function seemsProxied({ headers }: RequestHead): boolean {
  return (headers.seen & ofProxies) !== 0;
}

/** The lines that are the same for every request of a connection; `Forwarded` is left open for the host. */
export function forwardedLines(address: string, secure: boolean): string {
  const proto = secure ? 'https' : 'http';
  return `Via: 1.1 limpet\r\n${xForwardedFor(address)}X-Forwarded-Proto: ${proto}\r\nForwarded: for=${node(address)};proto=${proto}`;
}

/** Writes the lines for a client that is not trusted: `lines` as of `forwardedLines`, and its host. */
export function writeForwarded(head: RequestHead, lines: string, out: HeadWriter): void {
  const headers = head.headers;
  out.text(lines);
  let start = head.authorityStart;
  let end = head.authorityEnd;
  if (start === end && headers.has(Name.host)) {
    const host = headers.first(Name.host);
    start = headers.valueStart(host);
    end = headers.valueEnd(host);
  }
  if (start === end) {
    out.text('\r\n');
    return;
  }
  out.text(';host="');
  out.copy(head.bytes, start, end);
  out.text('"\r\nX-Forwarded-Host: ');
  out.copy(head.bytes, start, end);
  out.text('\r\n');
}

/** The same for a trusted peer: what it said stays, its own address is added. */
export function writeForwardedFor(head: RequestHead, peer: string, secure: boolean, out: HeadWriter): void {
  const headers = head.headers;
  const proto = secure ? 'https' : 'http';
  const host = head.authorityStart < head.authorityEnd ? authority(head) : headers.valueOf(Name.host);
  const before = joined(headers, Name.xForwardedFor);
  const forwarded = joined(headers, Name.forwarded);
  out.text('Via: 1.1 limpet\r\n');
  if (peer !== '' || before !== '') out.text(`X-Forwarded-For: ${before}${before && peer ? ', ' : ''}${peer}\r\n`);
  out.text(`X-Forwarded-Proto: ${headers.valueOf(Name.xForwardedProto) ?? proto}\r\n`);
  const forwardedHost = headers.valueOf(Name.xForwardedHost) ?? host;
  if (forwardedHost !== null) out.text(`X-Forwarded-Host: ${forwardedHost}\r\n`);
  const own = `for=${node(peer)};proto=${proto}${host === null ? '' : `;host="${host}"`}`;
  out.text(`Forwarded: ${forwarded === '' ? own : `${forwarded}, ${own}`}\r\n`);
}

/**
 * The client's address behind trusted proxies: X-Forwarded-For from right to left, past those that are trusted, of which
 * there may be `maxHops`. What is no address ends the walk: everything to its left was written by somebody unknown.
 */
export function clientAddress(head: RequestHead, peer: string, isTrusted: (address: string) => boolean): string {
  const hops = joined(head.headers, Name.xForwardedFor);
  let client = peer;
  let end = hops.length;
  for (let hop = 0; hop < maxHops && end >= 0; hop++) {
    const comma = end === 0 ? -1 : hops.lastIndexOf(',', end - 1);
    const address = addressOf(hops.slice(comma + 1, end).trim());
    if (address === '') return client;
    client = address;
    if (!isTrusted(address)) return client;
    end = comma;
  }
  return client;
}

/** A trusted peer says that its client speaks TLS: the last word of X-Forwarded-Proto, or `proto` of Forwarded. */
export function isForwardedSecure(head: RequestHead): boolean {
  const headers = head.headers;
  if (headers.has(Name.xForwardedProto)) {
    return lastElement(joined(headers, Name.xForwardedProto)).trim().toLowerCase() === 'https';
  }
  return /(?:^|[;,\s])proto="?https"?\s*(?:$|[;,])/i.test(lastElement(joined(headers, Name.forwarded)));
}

function lastElement(list: string): string {
  return list.slice(list.lastIndexOf(',') + 1);
}

/** True when the value of that header says exactly this, without regard to case. */
export function headerSays(headers: Headers, id: number, lower: string): boolean {
  if (!headers.has(id)) return false;
  const i = headers.first(id);
  return equalsIgnoreCase(headers.bytes, headers.valueStart(i), headers.valueEnd(i), lower);
}

function authority(head: RequestHead): string {
  return head.bytes.toString('latin1', head.authorityStart, head.authorityEnd);
}

function xForwardedFor(address: string): string {
  return address === '' ? '' : `X-Forwarded-For: ${address}\r\n`;
}

/** A node of RFC 7239 section 6: IPv6 in brackets and quotes, `unknown` for a unix-domain socket. */
function node(address: string): string {
  if (address === '') return 'unknown';
  return address.includes(':') ? `"[${address}]"` : address;
}

/** The values of all headers of that name as one list (RFC 9110 section 5.3). */
function joined(headers: Headers, id: number): string {
  if (!headers.has(id)) return '';
  const values: string[] = [];
  for (let i = headers.first(id); i < headers.count; i++) if (headers.id(i) === id) values.push(headers.value(i));
  return values.join(', ');
}
