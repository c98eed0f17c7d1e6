import { expect, test } from 'vitest';
import { isListenError, listenError } from './listen-error.ts';
import type { Address } from './socket.ts';

const coded = (code: string) => Object.assign(new Error(`listen ${code}: in the words of the runtime`), { code });
const tcp = (host: string): Address => ({ kind: 'tcp', host, port: 80 });
const unix = (path: string): Address => ({ kind: 'unix', path });

test.each<[string, unknown, Address, string]>([
  ['in use', coded('EADDRINUSE'), tcp('127.0.0.1'), '127.0.0.1:80: the address is in use. Stop the program'],
  ['no permission', coded('EACCES'), tcp(''), ':80: no permission. Ports below 1024 need root'],
  ['not of this machine', coded('EADDRNOTAVAIL'), tcp('192.0.2.1'), '192.0.2.1:80: this machine has no such address'],
  ['a name, on Node', coded('ENOTFOUND'), tcp('a.invalid'), 'a.invalid:80: the name does not resolve'],
  ['a name, on Bun', new Error('Failed to listen'), tcp('a.invalid'), 'a.invalid:80: the name does not resolve'],
  ['no IPv6', coded('EAFNOSUPPORT'), tcp('::1'), '[::1]:80: this machine has no addresses of that family'],
  ['no folder', coded('EACCES'), unix('/no/such/a.sock'), 'unix:/no/such/a.sock: the folder of the socket does not'],
  ['a socket in use', coded('EADDRINUSE'), unix('/tmp/a.sock'), 'unix:/tmp/a.sock: a program listens there, or a file'],
  ['all else', coded('ENOBUFS'), tcp('::'), '[::]:80: the system refuses it (ENOBUFS)'],
])('%s', (_, error, address, text) => {
  const told = listenError(error, address);
  expect(told.message).toContain(`cannot listen on ${text}`);
  expect(told.message).not.toContain('in the words of the runtime');
  // What a thread hands on: its fields, and its message.
  expect(isListenError(Object.assign(new Error(told.message), { ...told }))).toBe(true);
});

test('another field is named, and what is told already stays', () => {
  const told = listenError(coded('EADDRINUSE'), tcp('127.0.0.1'), 'admin.listen');
  expect(told.message).toBe(
    'cannot listen on 127.0.0.1:80 (admin.listen): the address is in use. Stop the program that listens there, or choose another address (admin.listen) (EADDRINUSE)',
  );
  expect(listenError(told, tcp(''))).toBe(told);
});
