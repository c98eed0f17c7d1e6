import { expect, test } from 'vitest';
import { ResponseHead } from '../http/head.ts';
import { streamKindOf } from './streams.ts';

test.each([
  ['text/event-stream', 'events', 'events'],
  ['Text/Event-Stream; charset=utf-8', 'events', 'events'],
  ['application/grpc+proto', 'other', 'other'],
  ['text/html', 'none', 'other'],
  ['text/event', 'none', 'other'],
])('%s is %s over HTTP/1.1 and %s over HTTP/2', (type, overH1, overH2) => {
  const head = new ResponseHead({ headBytes: 1000, headers: 10, uriBytes: 0 });
  const bytes = Buffer.from(
    `HTTP/1.1 200 OK\r\nX-Some-Header: 1\r\nCONTENT-type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  expect(head.read(bytes, 0, bytes.length)).toBe(bytes.length);
  expect(streamKindOf(head.headers, false)).toBe(overH1);
  expect(streamKindOf(head.headers, true)).toBe(overH2);
});
