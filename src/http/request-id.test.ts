/** Ids of requests that clients send: which are taken over as they are. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Headers } from './headers.ts';
import { longestRequestId, readRequestId } from './request-id.ts';

function read(...lines: readonly string[]): string | null {
  const headers = new Headers(100);
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  expect(headers.read(bytes, 0, bytes.length)).toBe(bytes.length);
  return readRequestId(headers, 'x-request-id');
}

test.each([
  '0af7651916cd43dd8448eb211c80319c',
  '123e4567-e89b-42d3-a456-426614174000',
  'Root=1-67891233-abcdef012345678912345678',
  '7F000001:8296_7F00001E:1F90_4F7B0A69_0003:790',
  'a',
  'x'.repeat(longestRequestId),
])('an id is taken over: %s', (id) => {
  expect(read('host: x', `X-Request-Id: ${id}`)).toBe(id);
});

test.each(['', ' ', 'a b', 'a,b', 'a"b', 'a\\b', 'a;b', '<a>', '{a}', 'é', 'x'.repeat(longestRequestId + 1)])(
  'an id is not: %s',
  (id) => {
    expect(read(`x-request-id: ${id}`)).toBe(null);
  },
);

test('without the header there is none, and of several none is taken', () => {
  expect(read('host: x', 'x-request-ids: a', 'x_request_id: a')).toBe('');
  expect(read('x-request-id: a', 'X-Request-ID: a')).toBe(null);
});

test('what is taken over is safe in a header, a log and a quote', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((n) => String.fromCharCode(n)) }), (id) => {
      fc.pre(!id.includes('\x7f'));
      const found = read(`x-request-id: ${id}`);
      if (found !== null) expect(found).toMatch(/^[!#-+\x2d-:=-[\]-~]{0,128}$/);
    }),
  );
});
