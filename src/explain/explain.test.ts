import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Recognition } from '../affinity/affinity.ts';
import { TokenRing } from '../affinity/token.ts';
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/read.ts';
import { idSecret, serverId } from '../fleet/id.ts';
import { explain, type Question } from './explain.ts';
import { inWords } from './words.ts';

const key = Buffer.alloc(32, 'k');
const now = Date.UTC(2026, 0, 31, 12);
const seconds = now / 1000;
const hour = 3600;
const servers = ['s1', 's2', 's3'].map((name, i) => ({ name, address: `127.0.0.1:${3001 + i}` }));

const config: Config = {
  listeners: [{ address: '127.0.0.1:8080', trustedProxies: ['10.0.0.0/8'] }],
  keys: [key.toString('hex')],
  pools: {
    shop: { servers, balance: 'rendezvous', affinity: [{ cookie: { idle: '1h', absolute: '12h' } }] },
    admin: {
      servers,
      balance: 'rendezvous',
      affinity: [{ cookie: { path: '/admin', idle: '1h' } }],
      whenOwnerFails: 'reject',
    },
    lent: { servers, affinity: [{ cookie: { name: 'lent' } }], whenOwnerFails: 'temporary' },
    near: { servers, affinity: ['source-ip'] },
    mapped: {
      servers,
      affinity: [{ route: { header: 'X-User', map: { 'tester-*': 's2' } } }, { cookie: { name: 'mapped' } }],
    },
    own: { servers, affinity: [{ rewrite: { cookie: 'PHPSESSID' } }] },
  },
  routes: [
    { match: { path: '/admin' }, pool: 'admin' },
    { match: { path: '/lent' }, pool: 'lent' },
    { match: { path: '/near' }, pool: 'near' },
    { match: { path: '/mapped' }, pool: 'mapped' },
    { match: { path: '/own' }, pool: 'own' },
    { match: { path: '/assets' }, pool: 'shop', affinity: 'none' },
    { match: { host: 'shop.example' }, pool: 'shop' },
  ],
};
const read = (written: Config) =>
  readConfig(written, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
const options = read(config);

const secret = Buffer.alloc(32, 7);
const noTable = { source: 'none', savedAt: null, sessions: 0, note: 'none' } as const;

function ask(request: string, question: Partial<Question> = {}, how = options) {
  return explain(how, {
    request: Buffer.from(request, 'latin1'),
    listener: options.listeners[0]!,
    peer: '203.0.113.7',
    down: [],
    draining: [],
    now,
    keys: 'config',
    tableSecret: secret,
    loadTable: () => Promise.resolve(noTable),
    random: () => 0.5,
    ...question,
  });
}

/** A cookie of that pool: owned by s2, in its third epoch. Times are seconds before now. */
function token(pool: string, { born = 2 * hour, seen = 60 } = {}): string {
  const owner = serverId('s2', idSecret(pool, key));
  const session = Object.assign(new Recognition(), { owner, sid0: 7, sid3: 0xbeef, epoch: 3 });
  session.born = seconds - born;
  session.seen = seconds - seen;
  return new TokenRing([key], pool, { idle: 0, absolute: 0 }).sign(session);
}

const get = (path: string, ...lines: string[]) =>
  ['GET', path].join(' ') + [' HTTP/1.1', 'Host: shop.example', ...lines, '', ''].join('\r\n');
const withCookie = (path: string, value: string) => get(path, `Cookie: a=b; limpet=${value}`);

describe('the affinity says', () => {
  test.each([
    ['no cookie', get('/'), 'none', 'no cookie limpet', null],
    [
      'a forged one',
      withCookie('/', `A${token('shop').slice(1)}`),
      'invalid',
      'not signed with the key that it names: forged or garbled',
      null,
    ],
    ['one of another pool', withCookie('/', token('admin')), 'foreign', 'belongs to the pool admin', 'admin'],
    [
      'one of another Limpet',
      withCookie('/', token('elsewhere')),
      'foreign',
      'by another Limpet that has a cookie of this name, or with a key that is gone',
      null,
    ],
    [
      'one unused for too long',
      withCookie('/', token('shop', { seen: hour })),
      'idle',
      'idle time (1h, unless its server has named another)',
      null,
    ],
    [
      'one from a clock that is ahead',
      withCookie('/', token('shop', { seen: -300 })),
      'recognised',
      'from a clock that is ahead: it is dated anew',
      null,
    ],
    [
      'one from a clock that is far ahead',
      withCookie('/', token('shop', { seen: -hour })),
      'ahead',
      'ahead of this one by more than clock.skew',
      null,
    ],
    ['one too old', withCookie('/', token('shop', { born: 12 * hour })), 'old', 'absolute time (12h)', null],
    ['a good one', withCookie('/', token('shop')), 'recognised', 'authentic and in time', null],
    ['a bare app cookie', get('/own', 'Cookie: PHPSESSID=x'), 'none', 'no cookie PHPSESSID with a prefix', null],
    ['nobody in the map', get('/mapped', 'X-User: ann'), 'none', 'header X-User is not in the map', null],
    ['no key for the map', get('/mapped'), 'none', 'no header X-User', null],
    ['a tester', get('/mapped', 'X-User: tester-1'), 'recognised', 'header X-User is in the map', null],
  ])('%s', async (_, request, result, reason, otherPool) => {
    const { affinities, decision } = await ask(request);
    expect(affinities[0]).toEqual({
      name: expect.any(String),
      result,
      otherPool,
      reason: expect.stringContaining(reason),
    });
    expect(decision.kind).toBe(result === 'recognised' ? 'owner' : 'new');
  });

  test('and the second is not asked when the first has recognised', async () => {
    const said = await ask(get('/mapped', 'X-User: tester-1', `Cookie: mapped=${token('mapped')}`));
    expect(said.affinities.map(({ result }) => result)).toEqual(['recognised', 'not-asked']);
    expect(said.toServer).not.toContain('Cookie');
    expect(said.session).toEqual({ affinity: 'route', tag: null, epoch: 0, born: null, dated: null, seen: null });
    expect(said.owner).toEqual({ server: 's2', state: 'up', source: 'fixed', epoch: 0 });
  });
});

describe('the decision', () => {
  const down = { down: ['s2'] };
  const mine = withCookie('/', token('shop'));
  test.each([
    ['a session', 'owner', mine, {}, 's2 owns the session and is up', 's2', true],
    ['its owner draining', 'owner', mine, { draining: ['s2'] }, 'is draining, and keeps', 's2', true],
    ['an address', 'owner', get('/near'), {}, 'owns the session', null, true],
    ['rebind', 'rebind', mine, down, 'the owner, epoch 4', null, true],
    ['temporary', 'temporary', get('/lent', `Cookie: lent=${token('lent')}`), down, 'is temporary', null, true],
    ['a map', 'temporary', get('/mapped', 'X-User: tester-1'), down, 'route knows no change of owner', null, true],
    ['reject', 'reject', withCookie('/admin', token('admin')), down, 's2 is down and whenOwnerFails is', null, true],
    ['nobody', 'new', get('/'), {}, 'balance: rendezvous chooses', null, false],
    ['one left', 'new', get('/'), { down: ['s1'], draining: ['s2'] }, 'chooses s3, and cookie binds it', 's3', true],
    ['opt-out', 'unbound', withCookie('/assets/a', token('shop')), {}, 'says affinity: none', null, true],
    ['no route', 'reject', get('/').replace('shop.', 'other.'), {}, 'no route matches', null, true],
  ] as const)('%s: %s', async (_, kind, request, more, reason, server, certain) => {
    const { decision, panic } = await ask(request, more);
    expect(decision).toMatchObject({ kind, certain, reason: expect.stringContaining(reason) });
    if (server !== null) expect(decision.server).toBe(server);
    if (more === down) expect(decision.server).not.toBe('s2');
    expect(panic).toBe(false);
  });

  test('in panic a server that is down is asked, refuses, and another one takes the session', async () => {
    const said = await ask(withCookie('/', token('shop')), { down: ['s2', 's3'] });
    expect(said).toMatchObject({ panic: true, decision: { kind: 'rebind', server: 's1' } });
    expect(said.attempts[0]).toEqual({ server: 's2', result: 'refused' });
    expect(said.attempts.at(-1)).toEqual({ server: 's1', result: 'answered' });
  });

  test('when everyone refuses is what the last one did', async () => {
    const { decision, toClient, toServer } = await ask(get('/'), { down: ['s1', 's2', 's3'] });
    expect([decision.kind, toServer, toClient.fault?.code]).toEqual(['reject', null, 'connect-refused']);
  });
});

describe('the client', () => {
  test.each([
    ['new', get('/'), 1, 'a new session'],
    ['kept', withCookie('/', token('shop')), 0, 'its date young enough'],
    ['dated anew', withCookie('/', token('shop', { seen: 1800 })), 1, 'was dated 30m ago'],
    ['by address', get('/near'), 0, 'source-ip tells the client nothing'],
    ['in the cookie of the app', get('/own'), 0, "the app's own Set-Cookie"],
    ['opted out', get('/assets/a'), 0, 'nothing is bound'],
  ])('%s', async (_, request, count, reason) => {
    const { setCookies, reason: why } = (await ask(request)).toClient;
    expect([setCookies.length, why]).toEqual([count, expect.stringContaining(reason)]);
    for (const line of setCookies) expect(line).toBe('limpet=<token>; Path=/; HttpOnly; SameSite=Lax');
  });

  test('over TLS before a trusted proxy: its own address, and Secure', async () => {
    const request = get('/', 'X-Forwarded-For: 198.51.100.9', 'X-Forwarded-Proto: https');
    const { client, toClient } = await ask(request, { peer: '10.1.1.1' });
    expect(client).toEqual({ address: '198.51.100.9', peer: '10.1.1.1', trusted: true });
    expect(toClient.setCookies).toEqual(['limpet=<token>; Path=/; HttpOnly; SameSite=Lax; Secure']);
  });
});

test('with copies of sessions, one of a server that drains may leave it', async () => {
  const alone = { ...config, sessions: {}, pools: { shop: config.pools.shop! }, routes: [{ pool: 'shop' }] };
  const how = read(alone);
  const mine = withCookie('/', token('shop'));
  const { decision } = await ask(mine, { draining: ['s2'] }, how);
  expect(decision).toMatchObject({ kind: 'owner', server: 's2', certain: false });
  expect(decision.reason).toContain('it is draining: with a copy, and nothing else of it running, the session moves');
  expect((await ask(mine, {}, how)).decision.certain).toBe(true);
});

test('without keys nothing that hangs on them is certain', async () => {
  const { decision, keys } = await ask(get('/near'), { keys: 'none' });
  expect([keys, decision.kind, decision.certain]).toEqual(['none', 'owner', false]);
});

test('a body that has not come changes nothing', async () => {
  const { decision, toServer } = await ask(get('/', 'Content-Length: 4').replace('GET', 'POST'));
  expect(decision.kind).toBe('new');
  expect(toServer).toContain('Content-Length: 4\r\n');
});

test('whatever the capture is, there is an answer', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary-ascii' }),
    fc
      .array(fc.constantFrom('GET', ' ', '/', 'HTTP/1.1', '\r\n', '\n', '\r', 'Host: shop.example', 'X:'))
      .map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(text, async (request) => {
      fc.pre(!/^(?:(?:\r\n)*|\n*)$/.test(request));
      const { decision, toClient } = await ask(request);
      expect(toClient.fault === null).toBe(decision.server !== null);
      expect(toClient.status === 200).toBe(toClient.fault === null);
    }),
  );
});

test('a server that no pool has is refused', async () => {
  await expect(ask(get('/'), { down: ['s9'] })).rejects.toThrow('there is no server "s9", expected one of s1, s2, s3');
});

test('in words', async () => {
  const said = await ask(get('/cart?x=1', `Cookie: a=b; limpet=${token('shop')}`).replaceAll('\r\n', '\n'));
  expect(inWords(said)).toBe(`\
Request   GET /cart?x=1 HTTP/1.1
          its lines end in LF: they are read as CR LF
Time      2026-01-31T12:00:00.000Z, keys of the config
Table     none
Listener  127.0.0.1:8080, client 203.0.113.7
Route     routes[6] (host shop.example, path /): pool shop
Affinity  cookie: recognised: the token in the cookie limpet is authentic and in time
Session   0000beef, epoch 3, begun 2026-01-31T10:00:00.000Z, last dated 2026-01-31T11:59:00.000Z
Owner     s2, up, epoch 3, says its token
Servers   s1 up, s2 up, s3 up
Decision  owner: s2: s2 owns the session and is up
Server    s2 would see:
            GET /cart?x=1 HTTP/1.1
            Host: shop.example
            Cookie: a=b
            Via: 1.1 limpet
            X-Forwarded-For: 203.0.113.7
            X-Forwarded-Proto: http
            Forwarded: for=203.0.113.7;proto=http;host="shop.example"
            X-Forwarded-Host: shop.example
Client    for a plain 200: no Set-Cookie: the token that the client has is right, and its date young enough
`);
});

test('in words, of a request that is refused: no byte of it reaches the terminal as it is', async () => {
  const said = await ask('GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n');
  expect(inWords(said)).toContain(
    '400 bad-header-value, at line 3 column 4 (byte 28): A header value holds a control byte.\n',
  );
  const high = await ask(get('/', 'X: \x9b2J'));
  expect(inWords(high)).toContain('X: \\x9b2J\n');
});

test('a listener that redirects says where to, and serves what its own routes and secure clients ask for', async () => {
  const redirecting = read({
    ...config,
    listeners: [{ address: '127.0.0.1:80', redirect: 'https', trustedProxies: ['10.0.0.0/8'] }],
    routes: [
      { match: { path: '/' }, pool: 'shop' },
      { match: { path: '/.well-known/acme-challenge', listeners: ['127.0.0.1:80'] }, pool: 'near' },
    ],
  });
  const [listener] = redirecting.listeners;
  const of = (path: string, proto = 'http') => {
    const request = `GET ${path} HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: ${proto}\r\n\r\n`;
    return ask(request, { listener: listener!, peer: '10.0.0.1' }, redirecting);
  };
  const found = await of('/cart?a=b');
  expect(found.toClient.status).toBe(301);
  expect([found.route, found.attempts, found.decision.kind]).toEqual([null, [], 'reject']);
  expect(found.decision.reason).toBe(
    'the listener redirects what comes over plain HTTP, to https://a.example/cart?a=b',
  );
  expect(inWords(found)).toContain('https://a.example/cart?a=b');
  expect((await of('/.well-known/acme-challenge/x')).route?.pool).toBe('near');
  expect((await of('/cart', 'https')).route?.pool).toBe('shop');
});

describe('what listeners and pools speak', () => {
  const spoken = read({
    listeners: [{ address: '127.0.0.1:8443', tls: { certificates: [{ cert: './none.crt', key: './none.key' }] } }],
    keys: [key.toString('hex')],
    pools: { shop: { servers, protocol: 'h2', tls: true } },
  });

  test('TLS, without its certificates: the server is told https, and the cookie is secure', async () => {
    const explained = await ask('GET /cart HTTP/1.1\r\nHost: a\r\n\r\n', { listener: spoken.listeners[0]! }, spoken);
    expect(explained.toServer).toContain('X-Forwarded-Proto: https');
    expect(explained.toClient).toMatchObject({ status: 200, setCookies: [expect.stringContaining('; Secure')] });
  });

  test.each([['h2'], ['h2', 'h1']] as const)('HTTP/2 without TLS (%s, %s)', async (...protocols) => {
    const listeners = [{ address: '127.0.0.1:8080', protocols }];
    const { keys } = spoken;
    const how = { ...read({ listeners, pools: { shop: { servers } } }), keys };
    const explained = await ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { listener: how.listeners[0]! }, how);
    expect([explained.toClient.status, explained.decision.kind]).toEqual([200, 'new']);
  });
});
