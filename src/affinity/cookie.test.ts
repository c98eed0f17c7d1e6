import { describe, expect, test } from 'vitest';
import { edited, requestWith, responseWith } from '../../test/support/heads.ts';
import { bindingOf, mustBind } from '../../test/support/session.ts';
import { type CookieAttributes, readAttributes } from '../http/session-cookie.ts';
import { Splice } from '../http/splice.ts';
import { type Binding, type ClientFacts, maxTried, Recognition } from './affinity.ts';
import { CookieAffinity } from './cookie.ts';
import type { CookieOptions } from './cookie-options.ts';
import { CookiePolicy } from './cookie-policy.ts';
import { TokenRing } from './token.ts';

const now = 1_800_000_000;
const hour = 3600;
const settings: CookieOptions = {
  type: 'cookie',
  bind: 'auto',
  name: 'limpet',
  prefix: 'none',
  path: '/',
  domain: '',
  sameSite: 'Lax',
  secure: 'auto',
  httpOnly: true,
  partitioned: false,
  twin: '',
  lifetime: 'session',
  idle: 8 * hour * 1000,
  absolute: 0,
  onCacheable: 'private',
  app: { maxAge: 30 * 24 * hour * 1000, sameSite: 'Lax', secure: 'auto', httpOnly: true, domain: '', path: '/' },
};
const client: ClientFacts = { clientAddress: '1.2.3.4', clientSecure: false };

function affinityOf(
  change: Partial<CookieOptions> = {},
  sessions = false,
): { affinity: CookieAffinity; ring: TokenRing } {
  const filled = { ...settings, ...change };
  const ring = new TokenRing([Buffer.alloc(32, 'k')], 'shop', {
    idle: filled.idle / 1000,
    absolute: filled.absolute / 1000,
    longestIdle: new CookiePolicy(filled).longestIdle,
  });
  let next = 1;
  const randomWords = (words: Uint32Array) => {
    for (let i = 0; i < words.length; i++) words[i] = next++;
  };
  return { affinity: new CookieAffinity(filled, { ring, randomWords, sessions }), ring };
}

function tokenOf(ring: TokenRing, fields: Partial<Recognition> = {}): string {
  return ring.sign(
    Object.assign(new Recognition(), {
      owner: 5,
      sid0: 9,
      sid1: 8,
      sid2: 7,
      sid3: 6,
      epoch: 3,
      born: now,
      seen: now,
      ...fields,
    }),
  );
}

/** A cookie with Max-Age alone comes back from Java's clients in quotes. */
function lifeOf(seconds: number): string {
  return `Max-Age=${seconds}; Expires=${new Date((now + seconds) * 1000).toUTCString()}`;
}

const gone = 'Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT';

function recognise(
  affinity: CookieAffinity,
  ...lines: string[]
): { found: boolean; recognition: Recognition; left: string } {
  const head = requestWith(...lines);
  const recognition = new Recognition();
  const edit = new Splice();
  const found = affinity.recognise(head, client, now, recognition, edit);
  return { found, recognition, left: edited(head, edit).replace('Host: a\r\n', '') };
}

/** What the client gets of a 302 with these headers. */
function bind(
  affinity: CookieAffinity,
  recognition: Recognition,
  lines: string[] = [],
  facts = client,
  status = 302,
  change: Partial<Binding> = {},
): { told: boolean; left: string } {
  const head = responseWith(status, ...lines);
  const edit = new Splice();
  const binding = bindingOf(recognition, change);
  const expected = affinity.givesToken(binding, head, facts);
  const told = affinity.bind(recognition, binding, head, facts, now, edit);
  expect(expected).toBe(told);
  return { told, left: edited(head, edit) };
}

function begun(affinity: CookieAffinity): Recognition {
  const recognition = new Recognition();
  affinity.begin(now, recognition);
  recognition.owner = 5;
  return recognition;
}

describe('recognise', () => {
  const { affinity, ring } = affinityOf();
  const token = tokenOf(ring);

  test('fills the session and hides the cookie', () => {
    const { found, recognition, left } = recognise(affinity, `Cookie: a=1; limpet=${token}; b=2`);
    expect(found).toBe(true);
    expect(recognition).toMatchObject({
      affinity,
      recognised: true,
      proof: 'valid',
      owner: 5,
      key: 9,
      sid0: 9,
      sid1: 8,
      sid2: 7,
      sid3: 6,
      epoch: 3,
      born: now,
      tokenDue: false,
    });
    expect(left).toBe('Cookie: a=1; b=2\r\n');
  });

  test.each([
    ['none', []],
    ['none', ['Cookie: limpet2=x; a=limpet']],
    ['invalid', ['Cookie: limpet=']],
    ['invalid', ['Cookie: limpet=forged']],
    ['invalid', [`Cookie: limpet="${token}`]],
    ['invalid', ['Cookie: limpet=""']],
    ['idle', [`Cookie: limpet=${tokenOf(ring, { seen: now - 8 * hour })}`]],
  ])('says %s of %j and leaves an empty session', (proof, lines) => {
    const { found, recognition, left } = recognise(affinity, ...lines);
    expect(found).toBe(false);
    expect(recognition).toEqual(Object.assign(new Recognition(), { proof }));
    expect(left).not.toMatch(/limpet=/);
  });

  test('says old of a session beyond its absolute time', () => {
    const limited = affinityOf({ absolute: hour * 1000 });
    expect(
      recognise(limited.affinity, `Cookie: limpet=${tokenOf(limited.ring, { born: now - hour })}`).recognition.proof,
    ).toBe('old');
  });

  test('takes the first valid one of several, hides all, and keeps what it says', () => {
    const other = tokenOf(ring, { owner: 77, sid0: 77 });
    const forged = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    const idle = tokenOf(ring, { seen: now - 9 * hour, owner: 66 });
    for (const cookies of [
      `limpet=${forged}; limpet=${idle}; limpet=${token}; limpet=${other}`,
      `limpet=${token}; limpet=${other}; limpet=${idle}; limpet=x`,
    ]) {
      const { found, recognition, left } = recognise(affinity, `Cookie: ${cookies}`, 'Cookie: z=1; limpet=again');
      expect(found).toBe(true);
      expect(recognition.owner).toBe(5);
      expect(recognition.sid0).toBe(9);
      expect(left).toBe('Cookie: z=1\r\n');
    }
  });

  test('of many that may be tokens no more than the limit are verified, and all are hidden', () => {
    const forged = Array.from({ length: 200 }, (_, i) => `limpet=${token.slice(0, -3)}${100 + i}`);
    const cookies = (count: number) =>
      `Cookie: limpet=x; ${[...forged.slice(0, count), `limpet=${token}`, 'a=1'].join('; ')}`;
    const within = recognise(affinity, cookies(maxTried - 1));
    expect([within.found, within.recognition.owner, within.recognition.beyondLimit, within.left]).toEqual([
      true,
      5,
      false,
      'Cookie: a=1\r\n',
    ]);
    for (const count of [maxTried, 200]) {
      const beyond = recognise(affinity, cookies(count));
      expect([beyond.found, beyond.recognition.proof, beyond.recognition.beyondLimit]).toEqual([
        false,
        'invalid',
        true,
      ]);
      expect(beyond.left).toBe('Cookie: a=1\r\n');
    }
  });

  test('of several that do not hold, one that did says why', () => {
    const idle = tokenOf(ring, { seen: now - 9 * hour });
    expect(recognise(affinity, `Cookie: limpet=x; limpet=${idle}`).recognition.proof).toBe('idle');
    expect(recognise(affinity, `Cookie: limpet=${idle}; limpet=x`).recognition.proof).toBe('idle');
  });

  test.each([
    [hour * 2 - 1, false],
    [hour * 2, true],
  ])('dates the token anew after a quarter of the idle time: %i s, %s', (age, tokenDue) => {
    expect(recognise(affinity, `Cookie: limpet=${tokenOf(ring, { seen: now - age })}`).recognition.tokenDue).toBe(
      tokenDue,
    );
  });

  test('never dates it anew without an idle time', () => {
    const timeless = affinityOf({ idle: 0 });
    const { found, recognition } = recognise(
      timeless.affinity,
      `Cookie: limpet=${tokenOf(timeless.ring, { born: 0, seen: 0 })}`,
    );
    expect([found, recognition.tokenDue]).toEqual([true, false]);
  });
});

test('begin gives a random id, a key, a time of creation and the first epoch', () => {
  const { affinity } = affinityOf();
  const [first, second] = [begun(affinity), begun(affinity)];
  expect(first).toMatchObject({
    affinity,
    recognised: false,
    sid0: 1,
    sid1: 2,
    sid2: 3,
    sid3: 4,
    key: 1,
    epoch: 1,
    born: now,
    tokenDue: true,
  });
  expect(second).toMatchObject({ sid0: 5, sid3: 8, key: 5 });
});

describe('bind', () => {
  test('tells the client a token that is recognised again', () => {
    const { affinity } = affinityOf();
    const recognition = begun(affinity);
    const { told, left } = bind(affinity, recognition);
    expect(told).toBe(true);
    const token = /^Set-Cookie: limpet=([\w-]{72}); Path=\/; HttpOnly; SameSite=Lax\r\n$/.exec(left)?.[1];
    const again = recognise(affinity, `Cookie: limpet=${token}`);
    expect(again.found).toBe(true);
    expect(again.recognition).toMatchObject({
      owner: 5,
      sid0: 1,
      sid1: 2,
      sid2: 3,
      sid3: 4,
      epoch: 1,
      born: now,
      seen: now,
      tokenDue: false,
    });
  });

  test('tells nothing when nothing has changed', () => {
    const { affinity, ring } = affinityOf();
    const { recognition } = recognise(affinity, `Cookie: limpet=${tokenOf(ring)}`);
    expect(bind(affinity, recognition, ['A: b'])).toEqual({ told: false, left: 'A: b\r\n' });
  });

  test.each<[Partial<CookieOptions>, boolean, string]>([
    [{}, false, '; Path=/; HttpOnly; SameSite=Lax'],
    [{}, true, '; Path=/; HttpOnly; SameSite=Lax; Secure'],
    [{ secure: 'always' }, false, '; Path=/; HttpOnly; SameSite=Lax; Secure'],
    [{ secure: 'never' }, true, '; Path=/; HttpOnly; SameSite=Lax'],
    [{ path: '/app', domain: 'example.org' }, false, '; Path=/app; Domain=example.org; HttpOnly; SameSite=Lax'],
    [{ httpOnly: false, sameSite: 'Strict' }, false, '; Path=/; SameSite=Strict'],
    [
      { sameSite: 'None', secure: 'always', partitioned: true },
      false,
      '; Path=/; HttpOnly; SameSite=None; Partitioned; Secure',
    ],
    // Browsers reject both without Secure.
    [{ sameSite: 'None', partitioned: true }, true, '; Path=/; HttpOnly; SameSite=None; Partitioned; Secure'],
    [{ sameSite: 'None', partitioned: true }, false, '; Path=/; HttpOnly; SameSite=Lax'],
    [{ lifetime: 'permanent', absolute: hour * 1000 }, false, `; Path=/; HttpOnly; SameSite=Lax; ${lifeOf(hour)}`],
  ])('%j on TLS %s: %s', (change, clientSecure, attributes) => {
    const { affinity } = affinityOf(change);
    const { left } = bind(affinity, begun(affinity), [], { ...client, clientSecure });
    expect(left.replace(/^Set-Cookie: limpet=[\w-]{72}/, '')).toBe(`${attributes}\r\n`);
  });

  test('Max-Age and Expires never go beyond the absolute time', () => {
    const { affinity, ring } = affinityOf({ lifetime: 'permanent', absolute: 10 * hour * 1000 });
    const { recognition } = recognise(
      affinity,
      `Cookie: limpet=${tokenOf(ring, { born: now - 9 * hour, seen: now - 7 * hour })}`,
    );
    expect(bind(affinity, recognition).left).toContain(`; ${lifeOf(hour)}\r\n`);
  });

  test("tells of tokens of others, and of a server's cookies by our name", () => {
    const told: unknown[] = [];
    const { ring } = affinityOf();
    const deps = { ring, randomWords: () => {}, onForeign: (...what: unknown[]) => told.push(what) };
    const affinity = new CookieAffinity({ ...settings, twin: 'twin' }, deps);
    const foreign = tokenOf(new TokenRing([Buffer.alloc(32, 'x')], 'shop', { idle: 0, absolute: 0 }));
    const late = tokenOf(ring, { seen: now - 9 * hour });
    const forged = `${foreign.slice(0, -3)}.AA`;
    const results = [
      [foreign],
      [forged],
      [forged, foreign],
      [foreign, forged],
      [foreign, late],
      [late, foreign],
      [foreign, tokenOf(ring)],
    ].map((values) => recognise(affinity, `Cookie: ${values.map((value) => `limpet=${value}`).join('; ')}`));
    expect(results.map(({ recognition }) => recognition.proof)).toEqual([
      'foreign',
      'invalid',
      'foreign',
      'foreign',
      'idle',
      'idle',
      'valid',
    ]);
    // None of them is for the server.
    expect(results.map(({ left }) => left).join('')).not.toContain('limpet');
    expect(told.splice(0)).toEqual(Array(3).fill(['limpet', null]));
    const response = responseWith(200, 'Set-Cookie: limpet=x', 'Set-Cookie: a=b', 'Set-Cookie: twin=x');
    const edit = new Splice();
    affinity.hide(5, response, edit);
    expect(edited(response, edit)).toBe('Set-Cookie: a=b\r\n');
    expect(told).toEqual(Array(2).fill(['limpet', 5]));
  });

  test("takes a server's cookie of our name out, whether or not we set one", () => {
    const { affinity, ring } = affinityOf();
    const { recognition } = recognise(affinity, `Cookie: limpet=${tokenOf(ring)}`);
    const foreign = [
      'Set-Cookie: limpet=evil; Path=/',
      'Set-Cookie: a=1',
      'set-cookie: limpet \t=evil',
      'Set-Cookie: limpet=',
      'Set-Cookie: limpets=1',
      'Set-Cookie: x=limpet=1',
      'Set-Cookie: limpet',
      'Set-Cookie: Limpet=1',
    ];
    const kept =
      'Set-Cookie: a=1\r\nSet-Cookie: limpets=1\r\nSet-Cookie: x=limpet=1\r\nSet-Cookie: limpet\r\nSet-Cookie: Limpet=1\r\n';
    expect(bind(affinity, recognition, foreign)).toEqual({ told: false, left: kept });
    expect(bind(affinity, begun(affinity), foreign).left).toMatch(new RegExp(`^${kept}Set-Cookie: limpet=[\\w-]{72};`));
  });

  test('makes a cacheable response private, or leaves it without a cookie', () => {
    const { affinity } = affinityOf();
    const { told, left } = bind(affinity, begun(affinity), ['Cache-Control: public, max-age=60'], client, 200);
    expect(told).toBe(true);
    expect(left).toMatch(/^Cache-Control: private, max-age=60\r\nSet-Cookie: limpet=/);
    const skipping = affinityOf({ onCacheable: 'skip' }).affinity;
    const recognition = begun(skipping);
    expect(bind(skipping, recognition, ['Cache-Control: public'], client, 200)).toEqual({
      told: false,
      left: 'Cache-Control: public\r\n',
    });
    // The next response that no cache stores tells it.
    expect(bind(skipping, recognition, ['Cache-Control: no-store'], client, 200).told).toBe(true);
  });
});

test('a name that is no token is refused', () => {
  expect(() => affinityOf({ name: 'a b' })).toThrow('is not a token');
  expect(() => affinityOf({ name: 'a;b' })).toThrow('is not a token');
});

describe('a name with a prefix', () => {
  const tls = { ...client, clientSecure: true };
  const namesOf = (left: string) => [...left.matchAll(/Set-Cookie: ([^=]+)=/g)].map(([, name]) => name);
  const { affinity, ring } = affinityOf({ prefix: 'host', twin: '__Host-limpet-x' });
  const token = tokenOf(ring);

  test('is for clients that use TLS, and others get the name alone', () => {
    expect(bind(affinity, begun(affinity), [], tls).left).toMatch(
      /^Set-Cookie: __Host-limpet=[\w-]{72}; Path=\/; HttpOnly; SameSite=Lax; Secure\r\nSet-Cookie: __Host-limpet-x=/,
    );
    expect(bind(affinity, begun(affinity)).left).toMatch(
      /^Set-Cookie: limpet=[\w-]{72}; Path=\/; HttpOnly; SameSite=Lax\r\n$/,
    );
    const secure = affinityOf({ prefix: 'secure' }).affinity;
    expect(namesOf(bind(secure, begun(secure), [], tls).left)).toEqual(['__Secure-limpet']);
  });

  test.each([
    ['__Host-limpet', tls, true],
    ['__Host-limpet-x', tls, true],
    // Plain HTTP and other hosts can write it.
    ['limpet', tls, false],
    ['limpet', client, true],
    ['__Host-limpet', client, false],
    ['__Host-limpet-x', client, false],
  ])('%s of %j counts: %s; it is hidden from the server in any case', (name, facts, counts) => {
    const head = requestWith(`Cookie: a=1; ${name}=${token}`);
    const recognition = new Recognition();
    const edit = new Splice();
    expect(affinity.recognise(head, facts, now, recognition, edit)).toBe(counts);
    expect(recognition.proof).toBe(counts ? 'valid' : 'none');
    expect(edited(head, edit)).toContain('Cookie: a=1\r\n');
  });

  test('hides what a server sets by any of the names, and deletes what this client has', () => {
    const { left } = bind(affinity, recognise(affinity, `Cookie: limpet=${token}`).recognition, [
      'Set-Cookie: limpet=x',
      'Set-Cookie: __Host-limpet=x',
      'Set-Cookie: __Host-limpet-x=x',
      'Set-Cookie: a=b',
    ]);
    expect(left).toBe('Set-Cookie: a=b\r\n');
    const unbound = (facts: ClientFacts) => {
      const head = responseWith(200);
      const edit = new Splice();
      affinity.unbind(begun(affinity), bindingOf(begun(affinity)), head, facts, edit);
      return namesOf(edited(head, edit));
    };
    expect(unbound(client)).toEqual(['limpet']);
    expect(unbound(tls)).toEqual(['__Host-limpet', '__Host-limpet-x']);
  });

  test('servers are told that path and host are fixed', () => expect(affinity.allowed).toContain('fixed'));

  test('is for everybody where the config says that all clients use TLS', () => {
    const always = affinityOf({ prefix: 'host', secure: 'always' });
    expect(namesOf(bind(always.affinity, begun(always.affinity)).left)).toEqual(['__Host-limpet']);
    expect(recognise(always.affinity, `Cookie: __Host-limpet=${tokenOf(always.ring)}`).found).toBe(true);
    expect(recognise(always.affinity, `Cookie: limpet=${tokenOf(always.ring)}`).found).toBe(false);
  });

  test('as a part of the name: clients without TLS get no cookie', () => {
    const literal = affinityOf({ name: '__Host-limpet' });
    expect(bind(literal.affinity, begun(literal.affinity))).toEqual({ told: false, left: '' });
    expect(namesOf(bind(literal.affinity, begun(literal.affinity), [], tls).left)).toEqual(['__Host-limpet']);
  });
});

describe('the twin', () => {
  const { affinity, ring } = affinityOf({ twin: 'limpet-x', domain: 'a.org' });

  test('goes to secure clients only, with the same token', () => {
    const lines = bind(affinity, begun(affinity), [], { ...client, clientSecure: true })
      .left.trimEnd()
      .split('\r\n');
    const token = /limpet=([\w-]{72})/.exec(lines[0]!)?.[1];
    expect(lines).toEqual([
      `Set-Cookie: limpet=${token}; Path=/; Domain=a.org; HttpOnly; SameSite=Lax; Secure`,
      `Set-Cookie: limpet-x=${token}; Path=/; Domain=a.org; HttpOnly; SameSite=None; Partitioned; Secure`,
    ]);
    expect(bind(affinity, begun(affinity)).left).not.toContain('limpet-x');
  });

  test('is recognised where it comes alone or beside a bad one, and both are hidden', () => {
    const token = tokenOf(ring);
    for (const cookies of [
      `limpet-x=${token}`,
      `limpet=bad; a=1; limpet-x=${token}`,
      `limpet-x=bad; limpet=${token}`,
    ]) {
      const { found, recognition, left } = recognise(affinity, `Cookie: ${cookies}`);
      expect([cookies, found, recognition.owner]).toEqual([cookies, true, 5]);
      expect(left).not.toContain('limpet');
    }
    expect(recognise(affinityOf().affinity, `Cookie: limpet-x=${token}`)).toMatchObject({ found: false });
  });

  test('is no name that a server may set', () => {
    expect(bind(affinity, new Recognition(), ['Set-Cookie: limpet-x=1', 'Set-Cookie: limpet-y=1']).left).toBe(
      'Set-Cookie: limpet-y=1\r\n',
    );
  });
});

describe('a session that a server begins', () => {
  const bind = (affinity: CookieAffinity, change: Partial<Binding>, ...lines: string[]): string => {
    const recognition = new Recognition();
    affinity.begin(now, recognition);
    recognition.owner = 5;
    const response = responseWith(200, ...lines);
    const edit = new Splice();
    affinity.bind(recognition, bindingOf(recognition, change), response, client, now, edit);
    return edited(response, edit);
  };

  test.each<[CookieOptions['bind'], boolean, boolean]>([
    ['auto', false, true],
    ['auto', true, false],
    ['always', true, true],
    ['on-session', true, false],
  ])('bind %s, in a pool with sessions: %s: the cookie comes at once: %s', (mode, sessions, told) => {
    const { affinity } = affinityOf({ bind: mode }, sessions);
    expect(bind(affinity, {}).includes('Set-Cookie')).toBe(told);
    expect(bind(affinity, mustBind)).toContain('Set-Cookie: limpet=');
  });

  test('is told even with a response that caches may store', () => {
    const { affinity } = affinityOf({ onCacheable: 'skip' }, true);
    const cacheable = 'Cache-Control: public, max-age=60';
    expect(bind(affinity, { isBindingDue: true }, cacheable)).not.toContain('Set-Cookie');
    const told = bind(affinity, mustBind, cacheable);
    expect(told).toContain('Set-Cookie: limpet=');
    expect(told).toContain('Cache-Control: private, max-age=60');
  });

  test('ends at the client too, with its twin', () => {
    const { affinity } = affinityOf({ twin: 'limpet-x', secure: 'always' }, true);
    const response = responseWith(200, 'Set-Cookie: limpet=forged', 'Set-Cookie: app=1');
    const edit = new Splice();
    affinity.unbind(new Recognition(), bindingOf(new Recognition()), response, client, edit);
    const text = edited(response, edit);
    expect(text).toContain(`Set-Cookie: limpet=; Path=/; HttpOnly; SameSite=Lax; Secure; ${gone}`);
    expect(text).toContain(`Set-Cookie: limpet-x=; Path=/; HttpOnly; SameSite=None; Partitioned; Secure; ${gone}`);
    expect(text).toContain('Set-Cookie: app=1');
    expect(text).not.toContain('forged');
  });
});

describe('a cookie whose server has a say in it', () => {
  const wish = (text: string): CookieAttributes => {
    const found = readAttributes(`tag=00000007; ${text}`);
    if (typeof found === 'string') throw new Error(text);
    return found;
  };
  const held = (affinity: CookieAffinity, ring: TokenRing, fields: Partial<Recognition> = {}): Recognition =>
    recognise(affinity, `Cookie: limpet=${tokenOf(ring, fields)}`).recognition;
  const lines = (left: string) =>
    left
      .replaceAll(/=[\w-]{72,}/g, '=T')
      .trim()
      .split('\r\n');

  test.each<[Partial<CookieOptions>, string, string]>([
    [{}, 'idle=60', 'Path=/; HttpOnly; SameSite=Lax'],
    [{}, 'idle=60; persistent=1', `Path=/; HttpOnly; SameSite=Lax; ${lifeOf(75)}`],
    [{}, 'persistent=1', `Path=/; HttpOnly; SameSite=Lax; ${lifeOf(8 * hour)}`],
    [{ idle: 0 }, 'persistent=1', `Path=/; HttpOnly; SameSite=Lax; ${lifeOf(400 * 24 * hour)}`],
    [{ lifetime: 'permanent', absolute: 2 * hour * 1000 }, 'idle=60', `Path=/; HttpOnly; SameSite=Lax; ${lifeOf(75)}`],
    [{ lifetime: 'permanent', absolute: 2 * hour * 1000 }, 'persistent=0', 'Path=/; HttpOnly; SameSite=Lax'],
    [{ absolute: 2 * hour * 1000 }, 'idle=86400; persistent=1', `Path=/; HttpOnly; SameSite=Lax; ${lifeOf(2 * hour)}`],
    [{}, 'same-site=strict; path=/a; partitioned=1', 'Path=/a; HttpOnly; SameSite=Strict; Partitioned; Secure'],
    [{ domain: 'example.org', httpOnly: false }, 'domain=; http-only=1', 'Path=/; HttpOnly; SameSite=Lax'],
    [{ secure: 'never' }, 'secure=1', 'Path=/; HttpOnly; SameSite=Lax; Secure'],
  ])('%j, %s: %s', (change, asked, expected) => {
    const { affinity, ring } = affinityOf(change);
    const recognition = held(affinity, ring);
    expect(recognition.tokenDue).toBe(false);
    affinity.shape(recognition, wish(asked));
    const told = lines(bind(affinity, recognition).left);
    expect(told.at(-1)).toBe(`Set-Cookie: limpet=T; ${expected}`);
    // That with another Path, Domain or HttpOnly took the place of the former one.
    expect(told.length).toBe(/path=\/a|domain|http/.test(asked) ? 2 : 1);
  });

  test('says nothing of what it has said before; what is as configured again is told, too', () => {
    const { affinity, ring } = affinityOf();
    const recognition = held(affinity, ring, { cookie: wish('idle=60; path=/a') });
    affinity.shape(recognition, wish('idle=60; path=/a'));
    expect([recognition.tokenDue, bind(affinity, recognition).told]).toEqual([false, false]);
    affinity.shape(recognition, null);
    expect(lines(bind(affinity, recognition).left)).toEqual([
      `Set-Cookie: limpet=; Path=/a; HttpOnly; SameSite=Lax; ${gone}`,
      'Set-Cookie: limpet=T; Path=/; HttpOnly; SameSite=Lax',
    ]);
  });

  test('is dated anew within an hour, or a quarter of a shorter time, and tells the same again', () => {
    const { affinity, ring } = affinityOf();
    const dated = (idle: number, ago: number) =>
      held(affinity, ring, { cookie: wish(`idle=${idle}; persistent=1`), seen: now - ago }).tokenDue;
    expect([dated(1_209_600, hour - 1), dated(1_209_600, hour), dated(60, 14), dated(60, 15)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  test('of a session that has not begun tells nobody; of a new one at once', () => {
    const { affinity } = affinityOf({}, true);
    const recognition = begun(affinity);
    affinity.shape(recognition, wish('idle=60; persistent=1'));
    expect(bind(affinity, recognition).told).toBe(false);
    expect(lines(bind(affinity, recognition, [], client, 302, mustBind).left)).toEqual([
      `Set-Cookie: limpet=T; Path=/; HttpOnly; SameSite=Lax; ${lifeOf(75)}`,
    ]);
  });

  test('its twin lasts as long, and both are forgotten where they are', () => {
    const { affinity, ring } = affinityOf({ twin: 'limpet-x', secure: 'always' });
    const recognition = held(affinity, ring);
    affinity.shape(recognition, wish('idle=60; persistent=1; path=/a'));
    const told = lines(bind(affinity, recognition).left);
    expect(told.slice(2)).toEqual([
      `Set-Cookie: limpet=T; Path=/a; HttpOnly; SameSite=Lax; Secure; ${lifeOf(75)}`,
      `Set-Cookie: limpet-x=T; Path=/a; HttpOnly; SameSite=None; Partitioned; Secure; ${lifeOf(75)}`,
    ]);
    expect(told.slice(0, 2).every((line) => line.includes('; Path=/;') && line.endsWith(gone))).toBe(true);
    const response = responseWith(200);
    const edit = new Splice();
    affinity.unbind(recognition, bindingOf(recognition), response, client, edit);
    expect(lines(edited(response, edit)).filter((line) => line.includes('Path=/a'))).toHaveLength(2);
  });

  test('goes by the config that holds now', () => {
    const { ring } = affinityOf();
    const cookie = wish('idle=1209600; same-site=none; domain=example.org');
    const { affinity } = affinityOf({ idle: hour * 1000, app: { ...settings.app, maxAge: hour * 1000 } });
    const recognition = held(affinity, ring, { cookie, seen: now - hour });
    expect(lines(bind(affinity, recognition).left)).toEqual(['Set-Cookie: limpet=T; Path=/; HttpOnly; SameSite=Lax']);
  });
});
