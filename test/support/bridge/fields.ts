/** Header fields between HTTP/1.1 and HTTP/2 (RFC 9113, section 8.2 and 8.3), as the bridge translates them. */
import { STATUS_CODES } from 'node:http';
import type { Header } from '../raw.ts';
import type { RequestHead } from './request-reader.ts';

export interface StreamRequest {
  /** Names and values in turn, the pseudo-header fields first. */
  readonly fields: string[];
  /** The key of a WebSocket's handshake, which has no place in HTTP/2; '': it is none. */
  readonly webSocketKey: string;
  /** The client wants the connection closed after the response. */
  readonly isLast: boolean;
}

/** Fields of the connection, which HTTP/2 forbids; `te` may say `trailers` and nothing else. */
const ofConnection = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

export function toStream({ method, target, headers }: RequestHead, scheme: 'http' | 'https'): StreamRequest {
  const values = (name: string) =>
    headers.filter((header) => header[0].toLowerCase() === name).map(([, value]) => value);
  const options = tokens(values('connection'));
  const isWebSocket = options.includes('upgrade') && tokens(values('upgrade')).includes('websocket');
  const [host, ...more] = values('host');
  if (host === undefined || more.length > 0)
    throw new Error(`${more.length + (host === undefined ? 0 : 1)} Host fields`);
  const [, ofTarget, rest] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target) ?? [];
  const path = rest === undefined ? target : /^\//.test(rest) ? rest : `/${rest}`;
  const fields: string[] = [];
  if (method === 'CONNECT') fields.push(':method', method, ':authority', target);
  else {
    // RFC 8441: a WebSocket is a CONNECT with a protocol.
    fields.push(':method', isWebSocket ? 'CONNECT' : method, ':scheme', scheme);
    fields.push(':authority', ofTarget ?? host, ':path', path);
    if (isWebSocket) fields.push(':protocol', 'websocket');
  }
  for (const [spelled, value] of headers) {
    const name = spelled.toLowerCase();
    if (ofConnection.has(name) || options.includes(name)) continue;
    if (isWebSocket && (name === 'sec-websocket-key' || name === 'content-length')) continue;
    // As browsers do (RFC 9113, section 8.2.3): each cookie in a field of its own, where that loses no byte.
    const crumbs = name === 'cookie' ? value.split('; ') : [value];
    for (const crumb of crumbs.every((one) => one !== '' && one === one.trim()) ? crumbs : [value])
      fields.push(name, crumb);
  }
  if (tokens(values('te')).includes('trailers')) fields.push('te', 'trailers');
  const webSocketKey = isWebSocket ? (values('sec-websocket-key')[0] ?? '?') : '';
  return { fields, webSocketKey, isLast: options.includes('close') };
}

function tokens(values: readonly string[]): string[] {
  return values.flatMap((value) => value.toLowerCase().split(',')).map((token) => token.trim());
}

/** Names and values in turn, without pseudo-header fields, as pairs. */
export function pairsOf(raw: readonly string[]): Header[] {
  const pairs: Header[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!name.startsWith(':')) pairs.push([name, raw[at + 1] ?? '']);
  }
  return pairs;
}

export function responseHead(status: number, fields: readonly Header[]): Buffer {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`, ...fields.map(lineOf)];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

export function lineOf([name, value]: Header): string {
  return `${name}: ${value}`;
}
