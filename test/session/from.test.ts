/** Nobody is signed out: sessions of express-session, of @fastify/session and of another strategy are moved with the first request. */
import { createHmac, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import cookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import express, { type RequestHandler } from 'express';
import originalSession, { type Store } from 'express-session';
import fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { expressSession } from '../../src/session/express.ts';
import { limpet, limpetStore } from '../../src/session/fastify.ts';
import { type InternalSessionOptions, internalOptions } from '../../src/session/filled-options.ts';
import { type NodeSessions, type SessionOptions, sessions } from '../../src/session/index.ts';
import { HandTime } from '../support/hand-time.ts';
import { host } from '../support/host.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, type RunningApp, serve } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

const secret = 'a secret of this test, long enough';
const sign = (id: string, by = secret) =>
  `${id}.${createHmac('sha256', by).update(id).digest('base64').replace(/=+$/, '')}`;

/** As the app was before, and as it is afterwards. */
function appOf(session: RequestHandler): express.Express {
  const app = express();
  app.set('env', 'test');
  app.use(session);
  app.get('/set', (request, response) => {
    Object.assign(request.session, request.query);
    response.send('set');
  });
  app.get('/all', (request, response) => {
    const { cookie: _cookie, ...data } = request.session;
    response.json(data);
  });
  app.get('/expires', (request, response) => response.json(request.session.cookie.expires ?? null));
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.send('out')));
  });
  app.get('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(request.session, request.query);
      response.send('in');
    });
  });
  return app;
}

const basic = { secret, resave: false, saveUninitialized: false };
const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
/** What has begun by then, and tells nobody of its end. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn();
}

/** What a browser sends that knows of the former app only. */
const carry = (from: Client, base: string): Client => {
  const client = new Client(base);
  for (const [name, value] of from.jar) client.jar.set(name, value);
  return client;
};

/** Tells what the store is asked, and fails where the test says so. */
class FormerStore extends originalSession.MemoryStore {
  failing = '';
  override get(...args: Parameters<Store['get']>): void {
    if (this.failing === 'get') args[1](new Error('away'));
    else super.get(...args);
  }
  override set(...args: Parameters<Store['set']>): void {
    if (this.failing === 'set') args[2]?.(new Error('away'));
    else super.set(...args);
  }
  override destroy(...args: Parameters<Store['destroy']>): void {
    if (this.failing === 'destroy') args[1]?.(new Error('away'));
    else super.destroy(...args);
  }
  count(): Promise<number> {
    return new Promise((done) => this.length?.((_error, length = 0) => done(length)));
  }
}

const strategies: Readonly<Record<string, () => SessionOptions>> = {
  local: () => ({ strategy: 'local' }),
  shared: () => ({ strategy: 'shared', store: new MapStore() }),
  sticky: () => ({ strategy: 'sticky' }),
  stateless: () => ({ strategy: 'stateless', secret }),
};

/** Somebody is signed in at the former app, which is then replaced by one of ours. */
async function adopt(options: SessionOptions) {
  const store = new FormerStore();
  const time = new HandTime(Date.now());
  const errors: string[] = [];
  const before = await serve(appOf(originalSession({ ...basic, store, cookie: { maxAge: 3_600_000 } })));
  const client = new Client(`http://${host}:${before.port}`);
  await client.get('/set?user=ada');
  const own: NodeSessions = sessions(
    internalOptions({ timers: time, onError: ({ message }) => errors.push(message), ...options }),
  );
  const after = await serve(appOf(expressSession({ ...basic, from: store, limpet: own }) as RequestHandler));
  const balancer = options.strategy === 'sticky' ? await TestBalancer.start({ servers: [after.port] }) : null;
  const base = balancer?.url ?? `http://${host}:${after.port}`;
  return {
    store,
    time,
    errors,
    base,
    client: carry(client, base),
    async [Symbol.asyncDispose]() {
      await balancer?.[Symbol.asyncDispose]();
      await before[Symbol.asyncDispose]();
      await after[Symbol.asyncDispose]();
      await own.close();
    },
  };
}

describe.each(Object.entries(strategies))('express-session to %s', (strategy, options) => {
  test('the session goes on under the old cookie, and the old one is gone after a minute', async () => {
    await using app = await adopt(options());
    const { client, store, time } = app;
    expect(await all(client)).toEqual({ user: 'ada' });
    await client.get('/set?more=1');
    expect(await all(client)).toEqual({ user: 'ada', more: '1' });
    expect(client.jar.size).toBe(2);
    // The store ends it, if this process does not come to it.
    const [kept] = Object.values((store as unknown as { sessions: Record<string, string> }).sessions);
    expect(Date.parse(JSON.parse(kept ?? '').cookie.expires)).toBeLessThanOrEqual(Date.now() + 60_000);
    time.advance(60_000);
    expect(await store.count()).toBe(0);
    expect(await all(client)).toEqual({ user: 'ada', more: '1' });
    // Its expiry has come along.
    expect(Date.parse(JSON.parse((await client.get('/expires')).body))).toBeGreaterThan(Date.now() + 3_500_000);
  });

  test('all that a browser asks at the same time with the old cookie is signed in', async () => {
    await using app = await adopt(options());
    const browsers = Array.from({ length: 6 }, () => app.client.twin());
    for (const data of await Promise.all(browsers.map(all))) expect(data).toEqual({ user: 'ada' });
    for (const one of browsers) expect(await all(one)).toEqual({ user: 'ada' });
  });

  test('a logout ends both, also within that minute and at the first request', async () => {
    await using app = await adopt(options());
    const [client, old] = [app.client, app.client.twin()];
    await all(client);
    expect((await client.get('/logout')).body).toBe('out');
    expect(await all(old)).toEqual({});
    await using another = await adopt(options());
    const twin = another.client.twin();
    expect((await another.client.get('/logout')).body).toBe('out');
    expect(await all(twin)).toEqual({});
  });

  test('a login at the first request: a fresh id, and the old one has nothing', async () => {
    await using app = await adopt(options());
    const [client, old] = [app.client, app.client.twin()];
    expect((await client.get('/login?user=bob')).body).toBe('in');
    expect(await all(client)).toEqual({ user: 'bob' });
    expect(await all(old)).toEqual({});
  });

  test('while the former store is away nobody is signed out, and nobody who asks it', async () => {
    await using app = await adopt(options());
    const { client, store } = app;
    store.failing = 'get';
    expect((await client.get('/all')).status).toBe(503);
    store.failing = '';
    expect(await all(client)).toEqual({ user: 'ada' });
    store.failing = 'destroy';
    expect((await client.get('/logout')).status).toBe(503);
    store.failing = '';
    expect((await client.get('/logout')).body).toBe('out');
    expect(await all(client)).toEqual({});
  });

  if (strategy === 'stateless') return;

  test('a former store that cannot end it is told to onError, and the session goes on', async () => {
    await using app = await adopt(options());
    const { client, store, errors, time } = app;
    store.failing = 'set';
    expect(await all(client)).toEqual({ user: 'ada' });
    store.failing = 'destroy';
    time.advance(60_000);
    await until(() => errors.length === 2);
    expect(errors).toEqual(['set: away', 'the former store failed: destroy: away']);
    expect(await all(client)).toEqual({ user: 'ada' });
  });
});

test('what is no store is refused at the door, with a word on store itself', () => {
  expect(() => expressSession({ secret, from: {} as never, limpet: { strategy: 'local' } })).toThrow(
    /^from: found no store/,
  );
  for (const from of [
    {},
    { store: new FormerStore() },
    { store: new FormerStore(), secret: [] },
    { secret },
    { store: {}, secret },
  ])
    expect(() => sessions({ strategy: 'local', from: from as never })).toThrow(
      /^from: found neither a strategy, nor a store/,
    );
  expect(() => sessions({ strategy: 'local', from: { strategy: 'shared' } })).toThrow(/^store: found none/);
  const withStore = { secret, store: new FormerStore() } as unknown as Parameters<typeof expressSession>[0];
  expect(() => expressSession(withStore)).toThrow(/limpet: \{ strategy: 'shared', store \}.*from: store/);
});

/** Without express-session the library reads its cookies itself: as strictly, and each of them. */
const hostile: Readonly<Record<string, (id: string) => string>> = {
  right: (id) => encodeURIComponent(`s:${sign(id)}`),
  'by the second secret': (id) => encodeURIComponent(`s:${sign(id, 'a former secret')}`),
  'not encoded': (id) => `s:${sign(id)}`,
  quoted: (id) => `"${encodeURIComponent(`s:${sign(id)}`)}"`,
  'behind another cookie of that name': (id) => `s%3Awrong.wrong; connect.sid=${encodeURIComponent(`s:${sign(id)}`)}`,
  'in front of one': (id) => `${encodeURIComponent(`s:${sign(id)}`)}; connect.sid=wrong`,
  'with a space before it': (id) => ` ${encodeURIComponent(`s:${sign(id)}`)} `,
  'a name that ends like it': (id) => `x; xconnect.sid=${encodeURIComponent(`s:${sign(id)}`)}`,
  'in capital letters': (id) => encodeURIComponent(`s:${sign(id)}`).toUpperCase(),
  'the bare id': (id) => id,
  'marked, not signed': (id) => `s%3A${id}`,
  'not marked': (id) => encodeURIComponent(sign(id)),
  'an empty signature': (id) => encodeURIComponent(`s:${id}.`),
  'padded signature': (id) => encodeURIComponent(`s:${sign(id)}=`),
  'cut short': (id) => encodeURIComponent(`s:${sign(id).slice(0, -1)}`),
  longer: (id) => encodeURIComponent(`s:${sign(id)}A`),
  'another secret': (id) => encodeURIComponent(`s:${sign(id, 'of another app')}`),
  'another id': (id) => encodeURIComponent(`s:x${sign(id)}`),
  'a dot more': (id) => encodeURIComponent(`s:${sign(id).replace('.', '..')}`),
  'signed, of nobody': () => encodeURIComponent(`s:${sign(randomBytes(18).toString('base64url'))}`),
  'signed, of an object': () => encodeURIComponent(`s:${sign('constructor')}`),
  'encoded twice': (id) => encodeURIComponent(encodeURIComponent(`s:${sign(id)}`)),
  'a broken percent sign': (id) => `%${encodeURIComponent(`s:${sign(id)}`)}`,
  'another byte order': (id) =>
    encodeURIComponent(`s:${sign(id)}`)
      .split('')
      .reverse()
      .join(''),
  empty: () => '',
  'only the mark': () => 's%3A',
  'very long': () => `s%3A${'x'.repeat(8000)}.${'y'.repeat(43)}`,
};

test('the core API: hostile old cookies are checked as express-session checks them', async () => {
  const store = new FormerStore();
  const secrets = [secret, 'a former secret'];
  await using original = await serve(appOf(originalSession({ ...basic, secret: secrets, store })));
  const own = sessions({ strategy: 'local', from: { store, secret: secrets } });
  await using ours = await serve(
    own.handle((_request, response, session) => response.end(JSON.stringify(session.data))),
  );
  const seen: Record<string, string[]> = {};
  let signedIn = 0;
  for (const [name, made] of Object.entries(hostile)) {
    const id = randomBytes(18).toString('base64url');
    // Beside what it is asked: what was moved has a minute left.
    await new Promise<void>((done) =>
      store.set(id, { cookie: { originalMaxAge: null }, user: 'ada' } as never, () => done()),
    );
    const ask = async ({ port }: RunningApp) =>
      (await fetch(`http://${host}:${port}/all`, { headers: { cookie: `connect.sid=${made(id)}` } })).text();
    seen[name] = [await ask(original), await ask(ours)];
    if (seen[name]?.[0] !== '{}') signedIn++;
  }
  // express-session looks at the first cookie of its name alone.
  expect(Object.entries(seen).filter(([, [expected, found]]) => expected !== found)).toEqual([
    ['behind another cookie of that name', ['{}', '{"user":"ada"}']],
  ]);
  expect(signedIn).toBe(6);
});

test('@fastify/session: the session goes on, and a logout ends both', async () => {
  const kept = new Map<string, string>();
  const store = {
    get: (id: string, done: (error: unknown, found?: never) => void) => done(null, JSON.parse(kept.get(id) ?? 'null')),
    set: (id: string, session: object, done: (error?: unknown) => void = () => {}) =>
      done(void kept.set(id, JSON.stringify(session))),
    destroy: (id: string, done: (error?: unknown) => void = () => {}) => done(void kept.delete(id)),
  };
  const start = async (isOurs: boolean) => {
    const app = fastify();
    await app.register(cookie);
    if (isOurs) await app.register(limpet, { strategy: 'local', onError: () => {} });
    const options = { secret, saveUninitialized: false, cookie: { secure: false } };
    await app.register(fastifySession, { ...options, store: isOurs ? limpetStore(app, { from: store }) : store });
    app.get('/set', async (request) => {
      request.session.set('user', 'ada');
      return 'set';
    });
    app.get('/all', async (request) => ({ user: request.session.get('user') ?? null }));
    app.get('/logout', async (request) => {
      await request.session.destroy();
      return 'out';
    });
    await app.listen({ host, port: 0 });
    return app;
  };
  const [before, after] = [await start(false), await start(true)];
  const portOf = ({ server }: typeof before) => Object(server.address()).port;
  const former = new Client(`http://${host}:${portOf(before)}`);
  await former.get('/set');
  const client = carry(former, `http://${host}:${portOf(after)}`);
  const old = client.twin();
  expect(await all(client)).toEqual({ user: 'ada' });
  expect(await all(client)).toEqual({ user: 'ada' });
  expect((await client.get('/logout')).body).toBe('out');
  expect([await all(client), await all(old), kept.size]).toEqual([{ user: null }, { user: null }, 0]);
  await before.close();
  await after.close();
});

describe('from one strategy to another', () => {
  /** The core API on whatever strategy. */
  const start = async (options: InternalSessionOptions) => {
    const own = sessions({ onError: () => {}, ...options });
    const app = await serve(
      own.handle(async (request, response, session) => {
        if (request.url === '/set') session.set('user', 'ada');
        if (request.url === '/logout') await session.destroy();
        if (request.url === '/login') await session.regenerate();
        response.end(session.ended ? 'out' : JSON.stringify(session.data));
      }),
    );
    const balancer = options.strategy === 'sticky' ? await TestBalancer.start({ servers: [app.port] }) : null;
    return {
      app,
      balancer,
      url: balancer?.url ?? `http://${host}:${app.port}`,
      async [Symbol.asyncDispose]() {
        await balancer?.[Symbol.asyncDispose]();
        await app[Symbol.asyncDispose]();
        await own.close();
      },
    };
  };
  const shared = new MapStore();
  const ways: [SessionOptions, SessionOptions][] = [
    [{ strategy: 'shared', store: shared }, { strategy: 'sticky' }],
    [
      { strategy: 'shared', store: shared, cookie: { name: 'old' } },
      { strategy: 'stateless', secret },
    ],
    [
      { strategy: 'stateless', secret },
      { strategy: 'shared', store: shared },
    ],
    [{ strategy: 'stateless', secret, cookie: { name: 'sid' } }, { strategy: 'local' }],
    [
      { strategy: 'shared', store: shared },
      { strategy: 'shared', store: new MapStore(), pool: 'new' },
    ],
    [{ strategy: 'stateless', secret }, { strategy: 'sticky' }],
  ];

  test.each(ways.map(([from, to]) => [`${from.strategy} to ${to.strategy}`, from, to] as const))(
    '%s',
    async (_name, from, to) => {
      const time = new HandTime(Date.now());
      await using before = await start(from);
      await using after = await start({ ...to, timers: time, from });
      const former = new Client(before.url);
      await former.get('/set');
      const client = carry(former, after.url);
      expect(await all(client)).toEqual({ user: 'ada' });
      expect(await all(client)).toEqual({ user: 'ada' });
      // Its old cookie is gone, unless the new one has its name.
      expect(client.jar.size).toBe(1);
      time.advance(60_000);
      if (from.strategy !== 'stateless')
        await until(async () => Object.keys((await all(former)) as object).length === 0);
      expect(await all(client)).toEqual({ user: 'ada' });
      await client.get('/logout');
      expect(await all(client)).toEqual({});
      expect(await all(new Client(after.url))).toEqual({});
    },
  );

  test.each(['/logout', '/login'])(
    'within that minute %s ends the old one as well, at the first request or later',
    async (path) => {
      const from: SessionOptions = { strategy: 'shared', store: new MapStore() };
      for (const isFirst of [true, false]) {
        await using before = await start(from);
        await using after = await start({ strategy: 'local', timers: new HandTime(Date.now()), from });
        const former = new Client(before.url);
        await former.get('/set');
        const client = carry(former, after.url);
        if (!isFirst) expect(await all(client)).toEqual({ user: 'ada' });
        await client.get(path);
        expect(await all(former)).toEqual({});
        expect(await all(carry(former, after.url))).toEqual({});
        expect(await all(client)).toEqual(path === '/login' ? { user: 'ada' } : {});
      }
    },
  );

  test('sticky to shared, while the balancer stays in front', async () => {
    await using before = await start({ strategy: 'sticky' });
    const { balancer } = before;
    if (balancer === null) throw new Error('no balancer');
    const time = new HandTime(Date.now());
    await using after = await start({
      strategy: 'shared',
      store: new MapStore(),
      timers: time,
      from: { strategy: 'sticky' },
    });
    const client = new Client(before.url);
    await client.get('/set');
    balancer.claim(client.id, after.app.port);
    expect(await all(client)).toEqual({ user: 'ada' });
    time.advance(60_000);
    await until(() => balancer.kept.get(client.id)?.ended === true);
    const moved = carry(client, after.url);
    expect(await all(moved)).toEqual({ user: 'ada' });
    // And a request that comes past the balancer is no error.
    expect(await all(new Client(after.url))).toEqual({});
  });

  test('what the new codec cannot keep is an error by name, and the old session stays', async () => {
    const from: SessionOptions = { strategy: 'shared', store: new MapStore(), codec: 'devalue' };
    const own = sessions(from);
    await using before = await serve(
      own.handle((request, response, session) => {
        if (request.url === '/set') session.set('when', new Date(0));
        response.end(JSON.stringify(session.data));
      }),
    );
    await using after = await start({ strategy: 'local', from });
    const client = new Client(`http://${host}:${before.port}`);
    await client.get('/set');
    const answer = await carry(client, after.url).get('/all');
    expect([answer.status, answer.headers.get('limpet-reason')]).toEqual([500, 'not-serialisable']);
    expect(await all(client)).toEqual({ when: '1970-01-01T00:00:00.000Z' });
    await own.close();
  });
});
