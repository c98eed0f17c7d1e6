/**
 * Who the client is: written for the server (Via, X-Forwarded-*, and Forwarded of RFC 7239), and read from trusted proxies in front of
 * Limpet. What an untrusted peer says of itself is ignored (I8).
 */
import { addressOf } from '../ip.ts';
import { COMMA, equalsIgnoreCase, SP, TAB } from './bytes.ts';
import { ForwardedElements, Parameter, plainNodes } from './forwarded-header.ts';
import type { RequestHead } from './head.ts';
import type { Headers } from './headers.ts';
import { ListFromEnd } from './list-from-end.ts';
import { Name } from './names.ts';
import type { HeadWriter } from './writer.ts';

/** The most trusted proxies that a request may have come through. Each is looked up among the trusted networks. */
export const maxHops = 32;

/** Used within one call only. */
const elements = new ForwardedElements(maxHops);
const list = new ListFromEnd();

const ofProxies = (1 << Name.via) | (1 << Name.forwarded) | (1 << Name.xForwardedFor);

/** The peer says that it is a proxy, which may have many clients. This is only used where it makes Limpet more careful. */
export function seemsProxied({ headers }: RequestHead): boolean {
  return (headers.seen & ofProxies) !== 0;
}

/** RFC 9110 sections 7.6.3 and 2.5: a version has two digits, and the second of HTTP/2 is 0. */
export type ReceivedVersion = '1.1' | '2.0';

/** Heads of HTTP/2 are read as those of HTTP/1.1, so the connection has to tell. */
function viaLine({ minor }: RequestHead, version: ReceivedVersion): string {
  if (version === '2.0') return 'Via: 2.0 limpet\r\n';
  return minor === 0 ? 'Via: 1.0 limpet\r\n' : 'Via: 1.1 limpet\r\n';
}

const viaLength = 'Via: 1.1 limpet\r\n'.length;
const beforeHost = ';host="';

/** The lines for the requests of one connection, whose client is not trusted. They differ by the host only, and that seldom. */
export class ForwardedLines {
  /** After Via, up to the host. */
  private readonly begin: string;
  private readonly version: ReceivedVersion;
  private requests = 0;
  /** All of them, for the host of the second request. */
  private whole: Buffer | null = null;
  private hostLength = 0;

  constructor(address: string, secure: boolean, version: ReceivedVersion) {
    const proto = secure ? 'https' : 'http';
    this.version = version;
    this.begin = `${xForwardedFor(address)}X-Forwarded-Proto: ${proto}\r\nForwarded: for=${node(address)};proto=${proto}`;
  }

  write(head: RequestHead, out: HeadWriter): void {
    const { headers } = head;
    let start = head.authorityStart;
    let end = head.authorityEnd;
    if (start === end && headers.has(Name.host)) {
      const host = headers.first(Name.host);
      start = headers.valueStart(host);
      end = headers.valueEnd(host);
    }
    const { whole } = this;
    if (head.minor === 0) {
      this.compose(head, start, end, out);
      return;
    }
    if (whole !== null && this.isHost(whole, head.bytes, start, end)) {
      out.copy(whole, 0, whole.length);
      return;
    }
    const before = out.length;
    this.compose(head, start, end, out);
    if (++this.requests !== 2) return;
    this.whole = Buffer.from(out.bytes.subarray(before, out.length));
    this.hostLength = end - start;
  }

  private isHost(whole: Buffer, bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== this.hostLength) return false;
    const at = viaLength + this.begin.length + beforeHost.length - start;
    for (let p = start; p < end; p++) if (bytes[p] !== whole[at + p]) return false;
    return true;
  }

  private compose(head: RequestHead, hostStart: number, hostEnd: number, out: HeadWriter): void {
    const { bytes } = head;
    out.text(viaLine(head, this.version));
    out.text(this.begin);
    if (hostStart < hostEnd) {
      out.text(beforeHost);
      out.copy(bytes, hostStart, hostEnd);
      out.text('"\r\nX-Forwarded-Host: ');
      out.copy(bytes, hostStart, hostEnd);
    }
    out.text('\r\n');
  }
}

/** The same for a trusted peer: its headers stay, as they were understood here, and its own address is added. */
export function writeForwardedFor(
  head: RequestHead,
  peer: string,
  secure: boolean,
  version: ReceivedVersion,
  out: HeadWriter,
): void {
  const { headers } = head;
  elements.read(headers);
  const proto = secure ? 'https' : 'http';
  const host = head.authorityStart < head.authorityEnd ? authority(head) : headers.valueOf(Name.host);
  const before = hopsOf(headers);
  const forwardedProto = (lastElement(headers, Name.xForwardedProto) || ofNearest(Parameter.proto)).toLowerCase();
  out.text(viaLine(head, version));
  if (peer !== '' || before !== '') out.text(`X-Forwarded-For: ${before}${before && peer ? ', ' : ''}${peer}\r\n`);
  out.text(`X-Forwarded-Proto: ${forwardedProto || proto}\r\n`);
  const forwardedHost = lastElement(headers, Name.xForwardedHost) || ofNearest(Parameter.host) || host;
  if (forwardedHost !== null) out.text(`X-Forwarded-Host: ${forwardedHost}\r\n`);
  out.text('Forwarded: ');
  for (let i = elements.lines.length - 1; i >= 0; i--) out.text(`${plainNodes(headers.value(elements.lines[i]!))}, `);
  out.text(`for=${node(peer)};proto=${proto}${host === null ? '' : `;host="${host}"`}\r\n`);
}

/**
 * The client's address behind trusted proxies: the first untrusted address from the right in X-Forwarded-For, or without that header
 * in Forwarded; at most `maxHops` are read. What is not an address ends the search: everything to its left was written by an
 * unknown program. Empty elements do not count (RFC 9110 section 5.6.1).
 */
export function clientAddress(head: RequestHead, peer: string, isTrusted: (address: string) => boolean): string {
  list.begin(head.headers, Name.xForwardedFor);
  let hop = list.next();
  const isListed = hop !== '';
  if (!isListed) elements.read(head.headers);
  let client = peer;
  for (let n = 0; n < maxHops; n++) {
    const address = isListed ? addressOf(hop) : n < elements.count ? elements.node(n) : '';
    if (address === '') break;
    client = address;
    if (!isTrusted(address)) break;
    if (isListed) hop = list.next();
  }
  return client;
}

/**
 * Whether the client of a trusted peer uses TLS, as the peer says in the last value of X-Forwarded-Proto, or without it in `proto` of
 * Forwarded. When it says nothing, the client's connection is taken for one like its own: `peerSecure`.
 */
export function isForwardedSecure({ headers }: RequestHead, peerSecure: boolean): boolean {
  let proto = lastElement(headers, Name.xForwardedProto);
  if (proto === '') {
    elements.read(headers);
    proto = ofNearest(Parameter.proto);
  }
  if (proto === '') return peerSecure;
  proto = proto.toLowerCase();
  // Some proxies send the scheme of a WebSocket.
  return proto === 'https' || proto === 'wss';
}

/** What the peer itself says in Forwarded, as `elements` were read; '' when it does not. */
function ofNearest(parameter: (typeof Parameter)['proto' | 'host']): string {
  return elements.count === 0 ? '' : elements.value(0, parameter);
}

/** The hops before the peer in the form of X-Forwarded-For: IPv4 addresses in IPv4 form, and no empty elements. */
function hopsOf(headers: Headers): string {
  const hops = joined(headers, Name.xForwardedFor);
  if (isEmptyList(hops)) {
    const nodes: string[] = [];
    for (let n = elements.count - 1; n >= 0; n--) nodes.push(elements.node(n) || 'unknown');
    return nodes.join(', ');
  }
  if (!/ffff:|,[ \t]*(?:,|$)|^[ \t]*,/i.test(hops)) return hops;
  return hops
    .split(',')
    .map((hop) => plainHop(hop.trim()))
    .filter((hop) => hop !== '')
    .join(', ');
}

function plainHop(hop: string): string {
  const address = /ffff:/i.test(hop) ? addressOf(hop) : '';
  return address === '' || address.includes(':') ? hop : address;
}

function isEmptyList(list: string): boolean {
  for (let i = 0; i < list.length; i++) {
    const char = list.charCodeAt(i);
    if (char !== COMMA && char !== SP && char !== TAB) return false;
  }
  return true;
}

/** The peer's own value: the last element that is not empty, of all lines of that name; '' when there is none. */
function lastElement(headers: Headers, id: number): string {
  list.begin(headers, id);
  return list.next();
}

/** True when the value of that header is exactly this, without regard to case. */
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
