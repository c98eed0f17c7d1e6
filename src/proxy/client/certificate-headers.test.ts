import fc from 'fast-check';
import { expect, test } from 'vitest';
import { requestWith } from '../../../test/support/heads.ts';
import type { ClientCertificate } from '../../net/tls.ts';
import { CertificateHeaders, longestValue } from './certificate-headers.ts';

const alice: ClientCertificate = {
  subject: 'CN=alice,O=Example',
  fingerprint: 'ab'.repeat(32),
  altNames: ['DNS:a.example', 'URI:spiffe://example/a'],
  serialNumber: '01',
  notAfter: 0,
};
const names = { subject: 'X-Subject', fingerprint: 'X-Fingerprint', altNames: 'X-San' };
let dropped = 0;
const headers = new CertificateHeaders(names, () => void dropped++);

/** The values that a reader of the head gets, by name. */
function read(lines: string): Record<string, string> {
  const { headers } = requestWith(...lines.split('\r\n').slice(0, -1));
  const nameOf = (i: number) => headers.bytes.toString('latin1', headers.lineStart(i), headers.nameEnd(i));
  const all = Array.from({ length: headers.count }, (_, i) => [nameOf(i), headers.value(i)] as const);
  return Object.fromEntries(all.filter(([name]) => name !== 'Host'));
}

test('subject, fingerprint and names', () => {
  expect(headers.linesOf(alice)).toBe(
    `X-Subject: CN=alice,O=Example\r\nX-Fingerprint: ${'ab'.repeat(32)}\r\nX-San: DNS:a.example, URI:spiffe://example/a\r\n`,
  );
});

test('nothing of what is not asked for, or not there', () => {
  expect(headers.linesOf(null)).toBe('');
  expect(headers.linesOf({ ...alice, subject: '', altNames: [] })).toBe(`X-Fingerprint: ${'ab'.repeat(32)}\r\n`);
  const subject = new CertificateHeaders({ subject: 'S', fingerprint: '', altNames: '' }, () => {});
  expect(subject.linesOf(alice)).toBe('S: CN=alice,O=Example\r\n');
});

test.each([
  ['CN=J\u00fcrgen', 'CN=J\\C3\\BCrgen'],
  ['CN=\u{1f600}', 'CN=\\F0\\9F\\98\\80'],
  ['CN=a\r\nX-Admin: 1', 'CN=a\\0D\\0AX-Admin: 1'],
  ['CN=a\0b\x7f\t', 'CN=a\\00b\\7F\\09'],
  [' CN=a ', '\\20CN=a\\20'],
  ['CN=a\\,b', 'CN=a\\,b'],
  ['CN=\ud800', 'CN=\\EF\\BF\\BD'],
])('the subject %j is %s', (subject, value) => {
  expect(read(headers.linesOf({ ...alice, subject }))).toMatchObject({ 'X-Subject': value });
});

test('no name passes for several', () => {
  const altNames = ['DNS:a.example, DNS:admin.example', 'URI:a\\2C b', 'email:\u00fc@example'];
  expect(read(headers.linesOf({ ...alice, altNames }))).toMatchObject({
    'X-San': 'DNS:a.example\\2C\\20DNS:admin.example, URI:a\\5C2C\\20b, email:\\C3\\BC@example',
  });
});

test('a value that is too long is left out as a whole, and counted', () => {
  dropped = 0;
  const long = {
    ...alice,
    subject: `CN=${'a'.repeat(longestValue - 3)}`,
    altNames: ['DNS:a', `DNS:${'b'.repeat(longestValue)}`],
  };
  expect(Object.keys(read(headers.linesOf(long)))).toEqual(['X-Subject', 'X-Fingerprint']);
  expect(dropped).toBe(1);
  const longer = { ...long, subject: `${long.subject}a` };
  expect(Object.keys(read(headers.linesOf(longer)))).toEqual(['X-Fingerprint']);
  expect(dropped).toBe(3);
});

test('whatever is in a certificate, a strict reader gets three headers of printable ASCII, and as many names as there are', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(text, { minLength: 1, maxLength: 5 }), (subject, altNames) => {
      const found = read(headers.linesOf({ ...alice, subject, altNames }));
      expect(Object.keys(found)).toEqual(['X-Subject', 'X-Fingerprint', 'X-San']);
      expect(Object.values(found).every((value) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))).toBe(true);
      expect(found['X-San']?.split(', ')).toHaveLength(altNames.length);
    }),
  );
});
