import { expect, test } from 'vitest';
import { ResponseHead } from '../http/head.ts';
import { endsEvent, streamKindOf } from './streams.ts';

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

test('compressed events cannot be read on their way', () => {
  const head = new ResponseHead({ headBytes: 1000, headers: 10, uriBytes: 0 });
  const lines = 'Content-Encoding: gzip\r\nContent-Type: text/event-stream';
  const bytes = Buffer.from(`HTTP/1.1 200 OK\r\n${lines}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  head.read(bytes, 0, bytes.length);
  expect(streamKindOf(head.headers, false)).toBe('other');
});

test.each([
  ['data: 1\n\n', true],
  ['data: 1\r\n\r\n', true],
  ['data: 1\r\r', true],
  [': ping\n\n', true],
  ['data: 1\n', false],
  ['data: 1\r\n', false],
  ['data: 1', false],
  ['\n', false],
])('%j ends an event: %s', (text, ends) => {
  expect(endsEvent(Buffer.from(`x${text}`), 1, 1 + text.length)).toBe(ends);
});
