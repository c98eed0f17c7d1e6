import { describe, expect, test } from 'vitest';
import { edited, responseWith } from '../../test/support/heads.ts';
import { makePrivate } from './cache.ts';
import { Splice } from './splice.ts';

function privateOf(status: number, change: boolean, ...lines: string[]): { done: boolean; left: string } {
  const head = responseWith(status, ...lines);
  const edit = new Splice();
  const done = makePrivate(head, change, edit);
  return { done, left: edited(head, edit) };
}

const lineOf = (value: string) => (value === '' ? [] : [`Cache-Control: ${value}`]);

describe('a response that may be stored by a shared cache', () => {
  test.each([
    ['', 'private'],
    ['public', 'private'],
    ['max-age=60', 'private, max-age=60'],
    ['public, max-age=60, immutable', 'private, max-age=60, immutable'],
    ['PUBLIC,S-MAXAGE=60,Max-Age=5', 'private, Max-Age=5'],
    ['no-cache', 'private, no-cache'],
    ['private="set-cookie"', 'private'],
    ['private="set-cookie, vary", max-age=60', 'private, max-age=60'],
    ['no-cache="a, b", max-age=60', 'private, no-cache="a, b", max-age=60'],
    ['proxy-revalidate, must-revalidate', 'private, must-revalidate'],
    [', ,', 'private'],
  ])('Cache-Control: %s', (value, expected) => {
    expect(privateOf(200, true, ...lineOf(value), 'A: b')).toEqual({
      done: true,
      left: `A: b\r\nCache-Control: ${expected}\r\n`,
    });
    const left = [...lineOf(value), 'A: b'].map((line) => `${line}\r\n`).join('');
    expect(privateOf(200, false, ...lineOf(value), 'A: b')).toEqual({ done: false, left });
  });

  test('all Cache-Control lines become one', () => {
    expect(privateOf(200, true, 'Cache-Control: public', 'A: b', 'cache-control: max-age=1')).toEqual({
      done: true,
      left: 'A: b\r\nCache-Control: private, max-age=1\r\n',
    });
  });

  test.each([200, 203, 204, 206, 300, 301, 304, 308, 404, 405, 410, 414, 451, 501])(
    'status %i may be without a word',
    (status) => {
      expect(privateOf(status, false).done).toBe(false);
    },
  );

  test.each([
    [302, 'Cache-Control: max-age=60'],
    [403, 'Expires: Thu, 01 Dec 2033 16:00:00 GMT'],
  ])('status %i only with %s', (status, line) => {
    expect(privateOf(status, false).done).toBe(true);
    expect(privateOf(status, false, line).done).toBe(false);
    expect(privateOf(status, true, line).left).toContain('Cache-Control: private');
  });

  test.each([
    ['', 'private'],
    ['public, max-age=60', 'private, max-age=60'],
    ['no-cache', 'private, no-cache'],
  ])('a 304 gives the stored response its fields: Cache-Control: %s', (value, expected) => {
    expect(privateOf(304, true, ...lineOf(value)).left).toBe(`Cache-Control: ${expected}\r\n`);
    expect(privateOf(304, false, ...lineOf(value)).done).toBe(false);
  });

  test('no-store counts for nothing beside must-understand (RFC 9111 section 5.2.2.3)', () => {
    expect(privateOf(200, true, 'Cache-Control: no-store, must-understand').left).toBe(
      'Cache-Control: private, no-store, must-understand\r\n',
    );
    expect(privateOf(200, false, 'Cache-Control: Must-Understand', 'Cache-Control: no-store').done).toBe(false);
  });

  test.each(['Cloudflare-CDN-Cache-Control: max-age=60', 'netlify-cache-control: public', 'X-Accel-Expires: 60'])(
    '%s goes, whatever Cache-Control says',
    (line) => {
      expect(privateOf(302, true, line, 'Cache-Control: private', 'A: b').left).toBe(
        'A: b\r\nCache-Control: private\r\n',
      );
      expect(privateOf(302, false, line, 'Cache-Control: private').done).toBe(false);
    },
  );

  test('a name that only looks like one of theirs says nothing', () => {
    expect(privateOf(302, true, '-Cache-Control: max-age=60', 'X-Cache: hit', 'B: c').left).toBe(
      '-Cache-Control: max-age=60\r\nX-Cache: hit\r\nB: c\r\n',
    );
  });

  test('caches that obey a header of their own are told, too (RFC 9213)', () => {
    const { done, left } = privateOf(
      200,
      true,
      'CDN-Cache-Control: max-age=600',
      'Surrogate-Control: max-age=9',
      'Cache-Control: private',
    );
    expect(done).toBe(true);
    expect(left).toBe('Cache-Control: private\r\n');
    expect(privateOf(200, false, 'CDN-Cache-Control: max-age=600', 'Cache-Control: no-store').done).toBe(false);
  });
});

test.each(['private', 'no-store', 'max-age=60, private', 'PRIVATE', 'No-Store, public'])(
  '%s is left as it is',
  (value) => {
    expect(privateOf(200, true, `Cache-Control: ${value}`)).toEqual({
      done: true,
      left: `Cache-Control: ${value}\r\n`,
    });
    expect(privateOf(200, false, `Cache-Control: ${value}`).done).toBe(true);
  },
);

test.each([302, 307, 400, 403, 500, 502, 503, 101])('status %i is stored by nobody', (status) => {
  expect(privateOf(status, true)).toEqual({ done: true, left: '' });
});
