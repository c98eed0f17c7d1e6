import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../net/socket.ts';
import { parseListener, parseResolver, parseServer } from './address.ts';

const tcp = (host: string, port: number) => ({ kind: 'tcp', host, port });

describe('listeners', () => {
  test.each([
    ['127.0.0.1:8080', tcp('127.0.0.1', 8080)],
    ['[::1]:8080', tcp('::1', 8080)],
    [':8080', tcp('', 8080)],
    ['127.0.0.1:0', tcp('127.0.0.1', 0)],
    ['[::ffff:127.0.0.1]:80', tcp('127.0.0.1', 80)],
    ['LocalHost:80', tcp('localhost', 80)],
    ['unix:/run/limpet.sock', { kind: 'unix', path: '/run/limpet.sock' }],
  ])('%s', (text, address) => expect(parseListener(text)).toEqual(address));

  test.each([
    '',
    '8080',
    ':',
    ':65536',
    '::1:8080',
    '[::1]',
    '127.0.0.1',
    ':127.0.0.1:80',
    'unix:',
    'a b:80',
    'http://a:80',
  ])('%j is none', (text) => expect(parseListener(text)).toBeNull());
});

describe('servers', () => {
  test.each([
    ['3001', tcp('127.0.0.1', 3001)],
    ['app1:8080', tcp('app1', 8080)],
    ['my_app.internal:80', tcp('my_app.internal', 80)],
    ['[fe80::1]:80', tcp('fe80::1', 80)],
    ['[::FFFF:7f00:1]:80', tcp('127.0.0.1', 80)],
    ['unix:app.sock', { kind: 'unix', path: 'app.sock' }],
  ])('%s', (text, address) => expect(parseServer(text)).toEqual(address));

  test.each([
    '0',
    '65536',
    ':3001',
    'app1',
    'app1:0',
    '127.1:80',
    '300.1.1.1:80',
    '-a:80',
    'a-:80',
    'a..b:80',
    '[1.2.3.4]:80',
    `unix:/${'x'.repeat(103)}`,
  ])('%j is none', (text) => expect(parseServer(text)).toBeNull());
});

test('an address that is written is read again', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
      const address = { kind: 'tcp' as const, host: host.toLowerCase(), port };
      expect(parseServer(formatAddress(address))).toEqual(address);
    }),
  );
});

describe('DNS servers', () => {
  test.each([
    ['10.0.0.53', tcp('10.0.0.53', 53)],
    ['10.0.0.53:5353', tcp('10.0.0.53', 5353)],
    ['2001:db8::53', tcp('2001:db8::53', 53)],
    ['[2001:db8::53]', tcp('2001:db8::53', 53)],
    ['[2001:DB8::53]:5353', tcp('2001:db8::53', 5353)],
  ])('%s', (text, address) => expect(parseResolver(text)).toEqual(address));

  test.each(['', '53', ':53', 'dns', 'dns:53', 'localhost:53', '10.0.0.53:0', '10.0.0.53:65536', 'unix:/run/dns.sock'])(
    '%j is none',
    (text) => expect(parseResolver(text)).toBeNull(),
  );
});
