/**
 * Which responses count as streams: those that go on for as long as somebody listens, so that a server that is to be stopped is not
 * free before they end.
 */
import { CR, equalsIgnoreCase, LF } from '../http/bytes.ts';
import type { Headers } from '../http/headers.ts';
import { Name } from '../http/names.ts';

/** events: server-sent events that can be read on their way, whose client comes back by itself when they end. other: its end is an error for the client. */
export type StreamKind = 'none' | 'events' | 'other';

const contentType = 'content-type';
const contentEncoding = 'content-encoding';
const events = 'text/event-stream';
const grpc = 'application/grpc';

/** To be asked only of a response whose length is not known: no stream has one. `isH2`: the server speaks HTTP/2. */
export function streamKindOf(headers: Headers, isH2: boolean): StreamKind {
  const type = find(headers, contentType);
  if (type < 0) return isH2 ? 'other' : 'none';
  if (beginsWith(headers, type, events)) return find(headers, contentEncoding) < 0 ? 'events' : 'other';
  return isH2 || beginsWith(headers, type, grpc) ? 'other' : 'none';
}

/** Server-sent events end here well: an empty line is an event's last. */
export function endsEvent(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || !isLineEnd(bytes[end - 1]!)) return false;
  if (bytes[end - 1] === CR || bytes[end - 2] === LF) return isLineEnd(bytes[end - 2]!);
  // The last line ends with CR LF: is it empty?
  return bytes[end - 2] === CR && end - start >= 4 && bytes[end - 3] === LF;
}

function isLineEnd(byte: number): boolean {
  return byte === LF || byte === CR;
}

/** Index of the first header of that name; -1: there is none. */
function find(headers: Headers, name: string): number {
  for (let i = 0; i < headers.count; i++) {
    const start = headers.lineStart(i);
    if (headers.id(i) !== Name.other || headers.nameEnd(i) - start !== name.length) continue;
    if (equalsIgnoreCase(headers.bytes, start, headers.nameEnd(i), name)) return i;
  }
  return -1;
}

function beginsWith(headers: Headers, i: number, type: string): boolean {
  const start = headers.valueStart(i);
  return (
    headers.valueEnd(i) - start >= type.length && equalsIgnoreCase(headers.bytes, start, start + type.length, type)
  );
}
