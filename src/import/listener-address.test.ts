import { expect, test } from 'vitest';
import { firstSpelling, freeLoopbackAddress } from './listener-address.ts';

test.each([
  ['localhost:80', ['127.0.0.1:80'], '127.0.0.1:80'],
  ['0.0.0.0:80', ['10.0.0.1:80', ':80'], ':80'],
  ['[0:0::1]:80', ['[::1]:80'], '[::1]:80'],
  ['127.0.0.1:80', [':80'], '127.0.0.1:80'],
  ['127.0.0.1:80', ['127.0.0.1:81'], '127.0.0.1:80'],
  ['no address', ['127.0.0.1:81'], 'no address'],
])('%s beside %j is %s', (address, known, first) => expect(firstSpelling(address, known)).toBe(first));

test('a free address has the port of no other', () => {
  expect(freeLoopbackAddress(['10.0.0.1:8080', ':8081'])).toBe('127.0.0.1:8082');
});
