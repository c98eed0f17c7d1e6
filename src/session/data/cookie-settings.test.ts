import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAttributes } from '../../http/session-cookie.ts';
import { fillOptions } from '../filled-options.ts';
import { settingsOf } from '../foreign/foreign-cookie.ts';
import { changedNames } from '../foreign/foreign-ids.ts';
import { LiveSession } from '../live-session.ts';
import { exceededLimits, readCookieLimits, tagOf, writeAttributes } from '../sticky/cookie-protocol.ts';
import { jsonCodec } from './codec.ts';
import {
  type CookieSettings,
  checkCookie,
  cookieOf,
  type SessionCookieOptions,
  StateCodec,
  setCookieOf,
} from './cookie-settings.ts';

const path = fc.stringMatching(/^\/[\x21-\x3a\x3c-\x7e]{0,40}$/);
const domain = fc.stringMatching(/^(?:[a-z0-9]{1,8}\.){0,3}[a-z0-9]{1,8}$/);
const settings = fc.record(
  {
    maxAge: fc.option(fc.integer({ min: 1, max: 34_560_000 })),
    path,
    domain: fc.oneof(domain, fc.constant('')),
    sameSite: fc.constantFrom('lax', 'strict', 'none'),
    secure: fc.boolean(),
    httpOnly: fc.boolean(),
    partitioned: fc.constant(true),
  },
  { requiredKeys: [] },
);

describe('what an app may say', () => {
  test('durations, dates and names become what is kept', () => {
    const now = 1_000_000;
    expect(checkCookie({ maxAge: '14d', domain: '.Example.ORG' }, now)).toEqual({
      maxAge: 1_209_600,
      domain: 'example.org',
    });
    expect(checkCookie({ expires: new Date(now + 1500) }, now)).toEqual({ maxAge: 2 });
    expect(checkCookie({ maxAge: null, secure: false }, now)).toEqual({ maxAge: null, secure: false });
    expect(checkCookie({ maxAge: '1000d' }, now)).toEqual({ maxAge: 400 * 86_400 });
    expect(checkCookie({}, now)).toEqual({});
  });

  test.each([
    [{ maxAge: 'soon' }, 'cookie.maxAge: found "soon", expected seconds, or a duration such as 30m'],
    [{ maxAge: 0 }, 'cookie.maxAge: found 0, expected'],
    [{ maxAge: -1 }, 'cookie.maxAge: found -1, expected'],
    [{ expires: new Date(0) }, 'expected a Date to come; to end a session destroy it'],
    [{ expires: new Date(Number.NaN) }, 'cookie.expires: found Invalid Date'],
    [{ path: 'shop' }, 'cookie.path: found "shop", expected one that begins with /'],
    [{ path: '/a;b' }, 'cookie.path: found "/a;b"'],
    [{ path: '/\r\nX: y' }, 'cookie.path: found'],
    [{ path: `/${'a'.repeat(255)}` }, 'at most 255 characters together with the domain'],
    [{ domain: 'a b' }, 'cookie.domain: found "a b", expected a name such as example.org'],
    [{ domain: 'a.; Secure' }, 'cookie.domain: found'],
    [{ domain: 'a.' }, 'cookie.domain: found "a."'],
  ] satisfies [SessionCookieOptions, string][])('%j is refused', (options, message) => {
    expect(() => checkCookie(options, 1)).toThrow(TypeError);
    expect(() => checkCookie(options, 1)).toThrow(message);
  });

  test('what only JavaScript can say is refused as well', () => {
    for (const wrong of ['{"sameSite":"Lax"}', '{"secure":"auto"}', '{"httpOnly":1}', '{"partitioned":false}']) {
      expect(() => checkCookie(JSON.parse(wrong), 1)).toThrow(TypeError);
    }
    expect(() => fillOptions({ strategy: 'sticky', cookie: { path: 'x' } })).toThrow('cookie.path: found "x"');
  });
});

describe('is a part of the state', () => {
  const codec = new StateCodec(jsonCodec);

  test('comes back with the data, and nothing of it is seen there', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), settings, (data, said) => {
        const checked = checkCookie(said, 1);
        setCookieOf(data, checked);
        const text = codec.encode(data);
        const again = codec.decode(text);
        expect(JSON.stringify(again)).toBe(JSON.stringify(data));
        expect(cookieOf(again)).toEqual(checked);
        expect(codec.encode(again)).toBe(text);
      }),
    );
  });

  test('a text of another codec may begin as it likes', () => {
    const own = {
      encode: (data: object) => `#${Object.keys(data)}`,
      decode: (text: string) => ({ [text]: 1 }),
      check() {},
    };
    const state = new StateCodec(own);
    expect(state.encode({ a: 1 })).toBe('#\n#a');
    expect(Object.keys(state.decode('#\n#a'))).toEqual(['#a']);
    expect(() => state.decode('#a')).toThrow('begins with # and has no second line');
  });

  test('is undone with it', () => {
    const data = {};
    const encoded = codec.encode(data);
    const live = new LiveSession({ id: 'a', epoch: 1, storeIncarnation: '', data, encoded, createdAt: 0 });
    setCookieOf(data, { maxAge: 60 });
    live.undo(
      encoded,
      codec,
      Object.assign(new Error('why'), { code: 'session-conflict', status: 503, statusCode: 503 }) as never,
    );
    expect([cookieOf(live.data), live.data]).toEqual([{}, data]);
  });
});

describe('in the session protocol', () => {
  test('the balancer reads what was encoded, whatever it is', () => {
    fc.assert(
      fc.property(settings, fc.constantFrom(0, 1800), (said, idle) => {
        const word = writeAttributes(checkCookie(said, 1), idle);
        const found = readAttributes(`tag=${tagOf(word, 'idle:60')}; ${word}`);
        if (word === '') {
          expect([found, tagOf(word, 'x')]).toEqual(['bad', '00000000']);
          return;
        }
        const {
          maxAge,
          sameSite,
          path = '',
          domain = null,
          secure = null,
          httpOnly = null,
          partitioned = false,
        } = said;
        expect(found).toEqual({
          tag: expect.any(Number),
          idle: maxAge ?? idle,
          persistent: maxAge === undefined ? null : maxAge !== null,
          sameSite: sameSite === undefined ? null : sameSite[0]!.toUpperCase() + sameSite.slice(1),
          ...{ secure, httpOnly, partitioned, path, domain },
        });
      }),
    );
  });

  test('the tag is another one when anything is', () => {
    const tags = ['', 'idle=60', 'idle=61', 'path=%2F'].map((word) => tagOf(word, 'idle:60'));
    expect(new Set([...tags, tagOf('idle=60', 'idle:61')]).size).toBe(5);
    for (const tag of tags) expect(tag).toMatch(/^[0-9a-f]{8}$/);
  });

  test.each([
    [
      { maxAge: 61 },
      0,
      'idle:60',
      'cookie.maxAge: found 61, expected at most 60 seconds, which is what the session gets. To allow it: maxAge: 61s',
    ],
    [
      {},
      7200,
      'idle:60',
      'idle: found 7200, expected at most 60 seconds, which is what the session gets. To allow it: maxAge: 2h',
    ],
    [{ maxAge: 60 }, 7200, 'idle:60', ''],
    [{ maxAge: null }, 0, 'idle:60', ''],
    [
      { sameSite: 'lax' },
      0,
      'idle:60,same-site:strict',
      'cookie.sameSite: found "lax", expected strict at most. To allow it: sameSite: None',
    ],
    [{ sameSite: 'none', secure: false, httpOnly: false }, 0, 'same-site:none,insecure,scripts', ''],
    [{ domain: 'a.example.org', path: '/a' }, 0, 'domain:example.org', ''],
    [
      { domain: 'xexample.org' },
      0,
      'domain:example.org',
      'cookie.domain: found "xexample.org", expected example.org or one below it. To allow it: domain: xexample.org',
    ],
    [{ path: '/b' }, 0, 'path:%2Fa', 'cookie.path: found "/b", expected one below /a. To allow it: path: /b'],
    [{ path: '/a/b' }, 0, 'path:%2Fa,later:x', ''],
    [{ path: '/a' }, 0, 'fixed', 'cookie.path: found "/a", expected one below /. To allow it: path: /a'],
  ] satisfies [CookieSettings, number, string, string][])(
    '%j with idle %i is held against %s',
    (said, idle, allow, expected) => {
      expect(exceededLimits(said, idle, readCookieLimits(allow)).join()).toBe(expected);
    },
  );
});

describe('of the cookies that other libraries keep', () => {
  const usual = { originalMaxAge: null, expires: null, path: '/', httpOnly: true };
  test.each([
    [usual, false, {}],
    [usual, true, { maxAge: null }],
    [{ ...usual, originalMaxAge: 1_209_599_999 }, false, { maxAge: 1_209_600 }],
    [{ ...usual, originalMaxAge: 0 }, false, {}],
    [{ ...usual, expires: '1970-01-01T00:01:01.000Z' }, false, { maxAge: 60 }],
    [
      { ...usual, sameSite: true, secure: true, partitioned: true },
      false,
      { sameSite: 'strict', secure: true, partitioned: true },
    ],
    [
      { ...usual, sameSite: 'None', secure: false, httpOnly: false, domain: 'Example.org', path: '/a' },
      false,
      { sameSite: 'none', domain: 'example.org', path: '/a' },
    ],
    [{ ...usual, sameSite: false, domain: null }, false, {}],
    [undefined, false, {}],
    ['text', false, {}],
  ])('%j, %s', (cookie, isNullSaid, expected) => {
    expect(settingsOf(cookie, isNullSaid, 1000)).toEqual(expected);
  });

  test('a time that was changed counts, one that was only computed anew does not', () => {
    const at = (age: number | null, now: number) => ({
      cookie: { ...usual, originalMaxAge: age, expires: age === null ? null : new Date(now + age).toISOString() },
    });
    const changed = (one: object, other: object) => changedNames({ ...one }, { ...other }).length > 0;
    expect(changed(at(400_000, 1000), at(399_999, 2000))).toBe(false);
    expect(changed(at(400_000, 1000), at(399_999, 102_000))).toBe(true);
    expect(changed(at(400_000, 1000), at(420_000, 1000))).toBe(true);
    expect(changed(at(400_000, 1000), at(null, 1000))).toBe(true);
    expect(changed(at(null, 1000), at(1500, 1000))).toBe(true);
  });
});
