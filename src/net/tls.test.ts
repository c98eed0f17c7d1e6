import { expect, test } from 'vitest';
import { handshakeError, offers } from './tls.ts';

const list = Buffer.from('\x02h2\x08http/1.1', 'latin1');

test.each([
  [list, 'h2', true],
  [list, 'http/1.1', true],
  [Buffer.from('\x08http/1.1', 'latin1'), 'h2', false],
  // Within another name.
  [Buffer.from('\x05xh2/1', 'latin1'), 'h2', false],
  // Cut off, empty, and lengths of 0.
  [Buffer.from('\x02h', 'latin1'), 'h2', false],
  [Buffer.alloc(0), 'h2', false],
  [Buffer.from('\0\0\x02h2', 'latin1'), 'h2', true],
] as const)('%j offers %s: %s', (wire, protocol, expected) => {
  expect(offers(wire, protocol)).toBe(expected);
});

test.each([
  ['error:10000133:SSL routines:OPENSSL_internal:NO_APPLICATION_PROTOCOL', 'ERR_SSL_NO_APPLICATION_PROTOCOL'],
  ['error:0A00009C:SSL routines:(unknown function):http request:../ssl/record.c:1:', 'ERR_SSL_HTTP_REQUEST'],
])('the code of %j is %s', (message, code) => {
  const error = Object.assign(new Error(message), { code: 'EPROTO' });
  expect(handshakeError(error)).toMatchObject({ code, cause: error });
});

test('another error keeps its code', () => {
  const error = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
  expect(handshakeError(error)).toBe(error);
});
