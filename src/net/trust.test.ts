import { describe, expect, test } from 'vitest';
import { trustOf } from './trust.ts';

describe.each([
  ['an address', ['10.0.0.1'], ['10.0.0.1', '::ffff:10.0.0.1', '::FFFF:a00:1'], ['10.0.0.2', '::ffff:10.0.0.2', '']],
  ['a block', ['10.0.0.0/8'], ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1', '::10.0.0.1', '::1']],
  ['IPv6', ['2001:db8::/32'], ['2001:db8::1', '2001:DB8:0::1'], ['2001:db9::1', '10.0.0.1']],
  ['an address of IPv4 in its IPv6 spelling', ['::ffff:10.0.0.1'], ['10.0.0.1', '::ffff:10.0.0.1'], ['10.0.0.2']],
  ['the same with all its bits', ['::ffff:10.0.0.1/128'], ['10.0.0.1'], ['10.0.0.2']],
  ['a block of those', ['::ffff:10.0.0.0/104'], ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1', '::1']],
  ['all of them', ['::ffff:0:0/96'], ['10.1.2.3', '0.0.0.0', '::ffff:1.2.3.4'], ['::1', '']],
  ['a unix-domain socket', ['unix'], [''], ['127.0.0.1']],
  ['nobody', [], [], ['127.0.0.1', '', '::1']],
] as const)('%s', (_, proxies, trusted, others) => {
  const isTrusted = trustOf(proxies);
  test.each(trusted)('%j is trusted', (address) => expect(isTrusted(address)).toBe(true));
  test.each(others)('%j is not', (address) => expect(isTrusted(address)).toBe(false));
});

test.each(['10.0.0', '10.0.0.0/33', '::1/129', '10.0.0.0/', '10.0.0.0/-1', 'proxy', ''])('%j is refused', (proxy) => {
  expect(() => trustOf([proxy])).toThrow(`trusted proxy "${proxy}": expected an address like 10.0.0.1`);
});
