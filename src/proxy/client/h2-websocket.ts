/**
 * A WebSocket of HTTP/2 (RFC 8441) toward a server of HTTP/1.1. The client sends no key and expects no answer to one, so both are made and
 * checked here (RFC 6455 section 1.3).
 */
import { createHash, randomBytes } from 'node:crypto';
import { equalsIgnoreCase } from '../../http/bytes.ts';
import type { ResponseHead } from '../../http/head.ts';
import type { Headers } from '../../http/headers.ts';
import type { Splice } from '../../http/splice.ts';

const acceptName = 'sec-websocket-accept';

/** A value for Sec-WebSocket-Key. */
export function webSocketKey(): string {
  return randomBytes(16).toString('base64');
}

/** To a client that has asked for this upgrade every 2xx would be the beginning of a tunnel. */
export function acceptsUpgrade({ status, headers }: ResponseHead, key: string): boolean {
  return status === 101 ? isAccepted(headers, key) : status < 200 || status > 299;
}

/** The response has one Sec-WebSocket-Accept, and it answers this key. */
function isAccepted(headers: Headers, key: string): boolean {
  const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const found = acceptLines(headers);
  return found.length === 1 && headers.value(found[0]!) === expected;
}

/** The client has sent no key, and gets no answer to one. */
export function cutAccept(headers: Headers, edit: Splice): void {
  for (const line of acceptLines(headers)) edit.cutLine(headers, line);
}

function acceptLines(headers: Headers): number[] {
  return Array.from({ length: headers.count }, (_, i) => i).filter((i) =>
    equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), acceptName),
  );
}
