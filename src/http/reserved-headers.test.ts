import { expect, test } from 'vitest';
import { edited, requestWith } from '../../test/support/heads.ts';
import { ReservedHeaders } from './reserved-headers.ts';
import { Splice } from './splice.ts';

const reserved = new ReservedHeaders(['X-Client-Subject', 'Fingerprint']);

test('what a client sends by these names is removed, however it is spelled', () => {
  const head = requestWith(
    'X-Client-Subject: CN=root',
    'A: b',
    'x-client-subject:',
    'X_CLIENT.SUBJECT: CN=root',
    'X-Client-Subject2: kept',
    'X-Client-Subjec: kept',
    'fingerPRINT: 00',
  );
  const edit = new Splice();
  reserved.cut(head.headers, edit);
  expect(edited(head, edit)).toBe('Host: a\r\nA: b\r\nX-Client-Subject2: kept\r\nX-Client-Subjec: kept\r\n');
});

test('a name of any length is compared with them', () => {
  const head = requestWith(`${'x'.repeat(256)}: a`, `${'x'.repeat(257)}: a`, `${'x'.repeat(1000)}: a`);
  const edit = new Splice();
  new ReservedHeaders(['x'.repeat(256)]).cut(head.headers, edit);
  expect(edited(head, edit)).toBe(`Host: a\r\n${'x'.repeat(257)}: a\r\n${'x'.repeat(1000)}: a\r\n`);
});

test.each([
  ['A: b\r\n', 'A: b\r\n'],
  ['X_Client_Subject: CN=root\r\n', null],
  ['A: b\r\nfingerprint: 0:0\r\nC: d\r\n', 'A: b\r\nC: d\r\n'],
])('of the trailers %j is left %j', (trailers, left) => {
  expect(reserved.withoutTrailers(Buffer.from(trailers))?.toString() ?? null).toBe(left);
});
