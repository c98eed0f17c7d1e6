import { expect, test } from 'vitest';
import { altNamesOf, subjectOf } from './client-certificate.ts';

test.each([
  ['CN=alice', 'CN=alice'],
  ['C=DE\nO=Example\\, Inc.\nCN=alice', 'CN=alice,O=Example\\, Inc.,C=DE'],
  ['O=x\nCN=a + UID=1', 'CN=a+UID=1,O=x'],
  ['', ''],
  [undefined, ''],
])('subject %j is %j', (lines, expected) => {
  expect(subjectOf(lines)).toBe(expected);
});

test.each([
  ['', []],
  ['DNS:a.example', ['DNS:a.example']],
  ['DNS:*.a.example, URI:spiffe://x/y, email:a@b', ['DNS:*.a.example', 'URI:spiffe://x/y', 'email:a@b']],
  ['IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1', ['IP:192.0.2.1', 'IP:2001:DB8:0:0:0:0:0:1']],
  // A name cannot pass for two.
  ['URI:"http://a, DNS:b", DNS:c', ['URI:http://a, DNS:b', 'DNS:c']],
  ['DNS:"quo\\"te, DNS:x"', ['DNS:quo"te, DNS:x']],
])('names %j', (text, expected) => {
  expect(altNamesOf(text)).toEqual(expected);
});
