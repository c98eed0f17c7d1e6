import { expect, test } from 'vitest';
import { ResponseHead } from '../http/head.ts';
import { drainAsked } from './drain-header.ts';

test.each([
  ['Limpet-Drain: 1', true],
  ['limpet-drain: 0', false],
  ['Limpet-Drain: yes', null],
  ['Limpet-Session-Put: 1\r\nLIMPET-DRAIN: 1', true],
  ['Limpet-Drained: 1', null],
])('%s', (lines, asked) => {
  const head = new ResponseHead({ headBytes: 1000, headers: 10, uriBytes: 0 });
  const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nA: b\r\n${lines}\r\nContent-Length: 0\r\n\r\n`);
  expect(head.read(bytes, 0, bytes.length)).toBe(bytes.length);
  expect(drainAsked(head.headers)).toBe(asked);
});
