/**
 * Which responses count as streams: those that go on for as long as somebody listens, so that a server that is to be stopped is not
 * free before they end.
 */
import { equalsIgnoreCase } from '../http/bytes.ts';
import type { Headers } from '../http/headers.ts';
import { Name } from '../http/names.ts';

/** events: server-sent events, whose client comes back by itself when they end. other: its end is an error for the client. */
export type StreamKind = 'none' | 'events' | 'other';

const contentType = 'content-type';
const events = 'text/event-stream';
const grpc = 'application/grpc';

/** To be asked only of a response whose length is not known: no stream has one. `isH2`: the server speaks HTTP/2. */
export function streamKindOf(headers: Headers, isH2: boolean): StreamKind {
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) !== Name.other || headers.nameEnd(i) - headers.lineStart(i) !== contentType.length) continue;
    if (!equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), contentType)) continue;
    if (beginsWith(headers, i, events)) return 'events';
    if (beginsWith(headers, i, grpc)) return 'other';
    break;
  }
  return isH2 ? 'other' : 'none';
}

function beginsWith(headers: Headers, i: number, type: string): boolean {
  const start = headers.valueStart(i);
  return (
    headers.valueEnd(i) - start >= type.length && equalsIgnoreCase(headers.bytes, start, start + type.length, type)
  );
}
