import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Headers } from './headers.ts';
import { longestScope, readAttributes, readSessionCookie } from './session-cookie.ts';

function headersOf(...lines: string[]): Headers {
  const headers = new Headers(20);
  const bytes = Buffer.from(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  expect(headers.read(bytes, 0, bytes.length)).toBe(bytes.length);
  return headers;
}

const configured = {
  idle: 0,
  persistent: null,
  sameSite: null,
  secure: null,
  httpOnly: null,
  partitioned: false,
  path: '',
  domain: null,
};

describe('how a server wants its cookie', () => {
  test('nothing, when it says nothing', () => {
    expect(readSessionCookie(headersOf('Set-Cookie: limpet=1', 'Limpet-Session-Delete: epoch=1'))).toBeNull();
    expect(readSessionCookie(headersOf('limpet-session-cookie: tag=00000000'))).toBe('configured');
  });

  test('all that can be said, in any case, order and spacing, and what a later protocol adds', () => {
    const all =
      'LIMPET-SESSION-COOKIE: domain=shop.example.org;path=%2Fa%3Bb; partitioned=1 ;http-only=0; secure=1; same-site=none; persistent=0; idle=60; tag=89abcdef; later=x; idle=9';
    expect(readSessionCookie(headersOf('Host: x', all))).toBe('bad');
    expect(readSessionCookie(headersOf('Host: x', all.replace('%3B', '%2F')))).toEqual({
      tag: 0x89abcdef,
      idle: 60,
      persistent: false,
      sameSite: 'None',
      secure: true,
      httpOnly: false,
      partitioned: true,
      path: '/a/b',
      domain: 'shop.example.org',
    });
    expect(readAttributes('tag=00000001; domain=')).toEqual({ ...configured, tag: 1, domain: '' });
    expect(readAttributes('tag=00000001; persistent=1')).toEqual({ ...configured, tag: 1, persistent: true });
  });

  test.each([
    '',
    'idle=60',
    'tag=123; idle=60',
    'tag=0000000G; idle=60',
    'tag=00000001; idle=0',
    'tag=00000001; idle=-1',
    'tag=00000001; idle=34560001',
    'tag=00000001; idle=1e3',
    'tag=00000001; persistent=yes',
    'tag=00000001; secure=2',
    'tag=00000001; http-only=',
    'tag=00000001; partitioned=0',
    'tag=00000001; same-site=Lax',
    'tag=00000001; same-site=constructor',
    'tag=00000001; path=',
    'tag=00000001; path=a',
    'tag=00000001; path=%2F%0D%0ASet-Cookie:x',
    'tag=00000001; path=%2F%3B Domain=evil',
    'tag=00000001; path=%2F%C3%A4',
    'tag=00000001; path=%zz',
    'tag=00000001; domain=a b',
    'tag=00000001; domain=.example.org',
    'tag=00000001; domain=Example.org',
    'tag=00000001; domain=a..b',
    `tag=00000001; domain=${'a.'.repeat(127)}a`,
    `tag=00000001; path=/${'a'.repeat(longestScope)}`,
  ])('%j is refused as a whole', (value) => {
    expect(readAttributes(value)).toBe('bad');
  });

  test('twice is refused', () => {
    const line = 'Limpet-Session-Cookie: tag=00000001; idle=60';
    expect(readSessionCookie(headersOf(line, line))).toBe('bad');
  });

  test('whatever it is, nothing comes out that ends an attribute or a line', () => {
    const names = ['tag', 'idle', 'persistent', 'same-site', 'secure', 'http-only', 'partitioned', 'path', 'domain'];
    const values = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.constantFrom('1', '0', '00000001', 'lax', '%2Fa', '%2F%3b', 'a.b'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...names), values)), (fields) => {
        const found = readAttributes(`tag=00000001; ${fields.map(([name, value]) => `${name}=${value}`).join(';')}`);
        if (typeof found === 'string') return;
        expect(`${found.path}${found.domain}`).toMatch(/^[\x21-\x3a\x3c-\x7e]*$/);
        expect(found.path.length + (found.domain ?? '').length).toBeLessThanOrEqual(longestScope);
      }),
    );
  });
});
