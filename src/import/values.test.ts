/** Values of configs: what is read, what is none, and how they are written. */
import { expect, test } from 'vitest';
import {
  extensionsOf,
  hostPattern,
  isAddressBlock,
  isToken,
  maxTimerMs,
  parseGoDuration,
  parseSize,
  parseWhole,
  serverAddress,
  withoutVariables,
  writeTime,
} from './values.ts';

test.each([
  ['7', 7],
  ['0', null],
  ['101', null],
  ['07', 7],
  ['-1', null],
  ['1.5', null],
  ['', null],
  [null, null],
  [undefined, null],
])('a whole number from 1 to 100: %j', (text, expected) => expect(parseWhole(text, 1, 100)).toBe(expected));

test.each([
  ['512', 512],
  ['8k', 8192],
  ['1M', 1024 ** 2],
  ['2g', 2 * 1024 ** 3],
  ['1t', null],
  ['1 k', null],
  ['', null],
  ['1234567890123', null],
])('bytes of %j', (text, expected) => expect(parseSize(text)).toBe(expected));

test.each([
  ['30', 30_000],
  ['1m30s', 90_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['1d', null],
  ['soon', null],
  [null, null],
])('milliseconds of %j', (text, expected) => expect(parseGoDuration(text)).toBe(expected));

test('a time of 0 is off, and a longer one than a timer can wait is the longest', () => {
  expect([0, 1500, maxTimerMs + 1].map((time) => writeTime(time))).toEqual(['off', '1s500ms', '596h']);
});

test.each([
  ['10.0.0.1', true],
  ['10.0.0.0/8', true],
  ['fd00::/8', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/8/8', false],
  ['app', false],
])('an address or a block of addresses: %s', (text, expected) => expect(isAddressBlock(text)).toBe(expected));

test.each([
  ['10.0.0.1:8080', 80, '10.0.0.1:8080'],
  ['app', 80, 'app:80'],
  ['[::1]', 80, '[::1]:80'],
  ['unix:/run/app', 80, 'unix:/run/app'],
  ['app', undefined, null],
])('the address of a server: %s, port %s', (text, port, expected) => expect(serverAddress(text, port)).toBe(expected));

test('hosts are exact or all below a domain', () => {
  const texts = ['Shop.Example', '*.example', '10.0.0.1', '*', 'a*b', ''];
  expect(texts.map(hostPattern)).toEqual(['shop.example', '*.example', '10.0.0.1', null, null, null]);
});

test('names of cookies and headers are tokens', () => {
  expect(['JSESSIONID', 'x-user', 'a b', 'a;b', '', 'x'.repeat(257)].map(isToken)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test.each([
  ['\\.(css|js)$', ['css', 'js']],
  ['\\.php$', ['php']],
  ['.*\\.png$', ['png']],
  ['/api/', []],
  ['\\.(a|b', []],
])('extensions in %s', (pattern, expected) => expect(extensionsOf(pattern)).toEqual(expected));

test('a dollar sign that would begin a variable is doubled, and what is undefined is left out', () => {
  expect(withoutVariables({ a: [`\${X}`, '$', '/$1'], b: undefined })).toEqual({ a: [`$\${X}`, '$', '/$1'] });
});
