/** Trailers of HTTP/2 become lines, or are refused. */
import { expect, test } from 'vitest';
import { type Field, fieldList } from '../../../test/support/fields.ts';
import { TrailerFields } from './trailer-fields.ts';

function read(fields: readonly Field[], isEnded = true, maxBytes = 1 << 16) {
  const trailers = new TrailerFields();
  const problem = trailers.read(fieldList(fields, maxBytes), isEnded);
  return problem === null
    ? (trailers.trailers?.toString('latin1') ?? null)
    : typeof problem === 'string'
      ? problem
      : problem.code;
}

test('become lines, without those that may not be trailers', () => {
  expect(
    read([
      ['grpc-status', '0'],
      ['content-type', 'x'],
      ['x-forwarded-for', '1'],
      ['content_length', '1'],
      ['a', ''],
    ]),
  ).toBe('grpc-status: 0\r\na: \r\n');
  expect(read([['host', 'a']])).toBeNull();
  expect(read([])).toBeNull();
});

test('may hold a command for the session', () => {
  const trailers = new TrailerFields();
  expect(trailers.read(fieldList([['limpet-session-delete', 'epoch=3']]), true)).toBeNull();
  expect([trailers.trailers, trailers.command]).toEqual([null, expect.objectContaining({ ended: 3 })]);
  expect(trailers.read(fieldList([['a', 'b']]), true)).toBeNull();
  expect(trailers.command).toBeNull();
});

test.each<[string, Field[], string]>([
  ['a pseudo-header field', [[':status', '200']], 'a pseudo-header field stands behind a field'],
  ['a name in upper case', [['A', 'b']], 'a field name is not a token in lower case'],
  ['a line in a value', [['a', 'b\r\nc: d']], 'a field value holds CR, LF or NUL'],
  ['a field of connections', [['transfer-encoding', 'chunked']], 'a field belongs to connections of HTTP/1.1'],
  ['a control byte', [['a', 'b\x01']], 'bad-header-value'],
  ['too many', Array.from({ length: 65 }, (_, i): Field => [`a${i}`, 'b']), 'bad-trailer'],
])('refused: %s', (_name, fields, reason) => {
  expect(read(fields)).toBe(reason);
});

test('refused: too large, or not at the end of the stream', () => {
  expect(read([['a', 'x'.repeat(100)]], true, 100)).toBe('bad-trailer');
  expect(read([['a', 'b']], false)).toBe('trailers do not end the stream');
});
