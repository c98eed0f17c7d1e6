import { describe, expect, test } from 'vitest';
import { edited, responseWith } from '../../test/support/heads.ts';
import { type HstsSettings, hstsLine, replaceHsts } from './hsts.ts';
import { Splice } from './splice.ts';

const year = 365 * 86_400_000;

test.each<[HstsSettings | null, string]>([
  [null, ''],
  [{ maxAge: year, includeSubdomains: false, preload: false }, 'max-age=31536000'],
  [{ maxAge: 0, includeSubdomains: true, preload: false }, 'max-age=0; includeSubDomains'],
  [{ maxAge: 2 * year, includeSubdomains: true, preload: true }, 'max-age=63072000; includeSubDomains; preload'],
  [{ maxAge: 1999, includeSubdomains: false, preload: false }, 'max-age=1'],
])('%j is the line %s', (settings, value) => {
  expect(hstsLine(settings)).toBe(value === '' ? '' : `Strict-Transport-Security: ${value}\r\n`);
});

describe('the line of the config', () => {
  const line = 'Strict-Transport-Security: max-age=1\r\n';
  const replaced = (...lines: string[]) => {
    const head = responseWith(200, ...lines);
    const edit = new Splice();
    replaceHsts(head.headers, line, edit);
    return edited(head, edit);
  };

  test('is added where the server has none', () => expect(replaced('A: b')).toBe(`A: b\r\n${line}`));

  test('stands in place of all that the server has', () => {
    expect(replaced('Strict-Transport-Security: max-age=2', 'A: b', 'strict-transport-security: max-age=3')).toBe(
      `A: b\r\n${line}`,
    );
  });

  test('comes beside other lines', () => {
    const head = responseWith(200);
    const edit = new Splice();
    edit.add('B: c');
    replaceHsts(head.headers, line, edit);
    expect(edited(head, edit)).toBe(`B: c\r\n${line}`);
  });
});
