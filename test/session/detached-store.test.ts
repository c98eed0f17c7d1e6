/** The stores for express-session and @fastify/session where no request of the session asks: a job, a socket, an admin page. */
import cookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import express, { type Request } from 'express';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { expressSession } from '../../src/session/express.ts';
import { limpet, limpetId, limpetStore } from '../../src/session/fastify.ts';
import { type SessionOptions, sessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';
import { hashOf } from './support/jobs.ts';
import { MapStore } from './support/map-store.ts';

const secret = 'a secret for these tests only';

type Asked = (done: (error: unknown, found?: unknown) => void) => void;
/** What the callback is told. */
const told = (ask: Asked) =>
  new Promise<unknown>((done, fail) => ask((error, found) => (error ? fail(error) : done(found))));

async function startExpress(options: SessionOptions, more: object = {}) {
  const app = sessions({ onError: () => {}, ...options });
  const session = expressSession({ secret: 'x', resave: false, saveUninitialized: false, limpet: app, ...more });
  const server = express();
  server.use(session);
  server.get('/set', (request, response) => {
    Object.assign(request.session, request.query);
    response.send(request.sessionID);
  });
  server.get('/all', (request, response) => {
    const { cookie: _, ...data } = request.session;
    response.json(data);
  });
  const again = (request: Request, then: () => void) => request.session.regenerate(() => then());
  server.get('/login', (request, response) =>
    again(request, () => {
      Object.assign(request.session, { user: request.query.user });
      request.limpet.user = String(request.query.user);
      response.send(request.sessionID);
    }),
  );
  server.get('/logout', (request, response) => void request.session.destroy(() => response.send('out')));
  server.get('/other', (request, response) => {
    request.sessionStore.get(String(request.query.id), (error, found) => {
      const { cookie: _, ...data } = found ?? { cookie: null };
      response.json(error ? { error: Object(error).code } : data);
    });
  });
  const running = await serve(server);
  return {
    app,
    store: session.store,
    port: running.port,
    url: `http://${host}:${running.port}`,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await app.close();
    },
  };
}

const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);

const strategies: Record<string, () => SessionOptions> = {
  local: () => ({ strategy: 'local' }),
  shared: () => ({ strategy: 'shared', store: new MapStore() }),
  sticky: () => ({ strategy: 'sticky', secret }),
};

test.each(Object.entries(strategies))(
  'express-session on %s: get, set, touch and destroy by id alone',
  async (name, of) => {
    await using app = await startExpress(of());
    const { store } = app;
    await using balancer = await TestBalancer.start({ servers: [app.port], secret });
    const client = new Client(name === 'sticky' ? balancer.url : app.url);
    const id = (await client.get('/set?name=Ada')).body;
    expect(id).toMatch(/^[0-9a-f]{32}-/);
    const found = Object(await told((done) => store.get(id, done)));
    expect(found).toMatchObject({ name: 'Ada', cookie: { path: '/' } });

    // Only what was changed is written, on top of what others have written meanwhile.
    await client.get('/set?cart=1');
    await told((done) => store.set(id, Object.assign(found, { job: 'done' }), done));
    expect(await all(client)).toEqual({ name: 'Ada', cart: '1', job: 'done' });
    await told((done) => store.touch(id, { cookie: { ...found.cookie, originalMaxAge: 5000 } }, done));
    expect(Object(await told((done) => store.get(id, done))).cookie).toMatchObject({ originalMaxAge: 5000 });

    // Another request, as that of an admin, by its own store; its own session is untouched.
    const admin = new Client(name === 'sticky' ? balancer.url : app.url);
    await admin.get('/set?name=admin');
    expect(JSON.parse((await admin.get(`/other?id=${id}`)).body)).toMatchObject({ name: 'Ada' });
    expect(await all(admin)).toEqual({ name: 'admin' });

    // The id of after a login begins with that which the Limpet session has then.
    const signedIn = (await client.get('/login?user=ada')).body;
    expect(Object(await told((done) => store.get(signedIn, done)))).toMatchObject({ user: 'ada' });
    expect(await told((done) => store.get(id, done))).toBeNull();

    await told((done) => store.destroy(signedIn, done));
    await told((done) => store.destroy(signedIn, done));
    expect(await told((done) => store.get(signedIn, done))).toBeNull();
    await expect(told((done) => store.set(signedIn, found, done))).rejects.toMatchObject({ code: 'session-ended' });
    expect(await all(client)).toEqual({});
    expect(await all(admin)).toEqual({ name: 'admin' });
  },
);

test.each(['local', 'shared', 'sticky'])('express-session on %s: all, length, clear', async (name) => {
  await using app = await startExpress(strategies[name]!());
  await using balancer = await TestBalancer.start({ servers: [app.port], secret });
  const clients = [1, 2, 3].map(() => new Client(name === 'sticky' ? balancer.url : app.url));
  const ids: string[] = [];
  for (const [n, client] of clients.entries()) ids.push((await client.get(`/set?n=${n}`)).body);
  const found = (await told((done) => app.store.all(done))) as { id: string; n: string }[];
  expect(found.map(({ id, n }) => [id, n]).sort()).toEqual(ids.map((id, n) => [id, String(n)]).sort());
  expect(await told((done) => app.store.length(done))).toBe(3);
  await told((done) => app.store.clear(done));
  expect(await told((done) => app.store.length(done))).toBe(0);
  expect(await all(clients[0]!)).toEqual({});
});

test('express-session on sticky: another process reads and ends, and does not change', async () => {
  await using app = await startExpress(strategies.sticky!());
  await using balancer = await TestBalancer.start({ servers: [app.port], secret });
  const id = (await new Client(balancer.url).get('/set?name=Ada')).body;
  await using other = await startExpress(strategies.sticky!());
  balancer.servers[0] = other.port;
  await new Client(balancer.url).get('/set?name=Bob');
  const found = Object(await told((done) => other.store.get(id, done)));
  expect(found).toMatchObject({ name: 'Ada' });
  const fenced = { code: 'session-fenced' };
  await expect(told((done) => other.store.set(id, { ...found, name: 'Eve' }, done))).rejects.toMatchObject(fenced);
  await expect(told((done) => other.store.touch(id, found, done))).rejects.toMatchObject(fenced);
  await told((done) => other.store.destroy(id, done));
  expect(await told((done) => app.store.get(id, done))).toBeNull();
});

test('express-session with a genid of the app: the store says why it does not find a session by its id', async () => {
  await using app = await startExpress(strategies.local!(), { genid: () => 'an-id' });
  const client = new Client(app.url);
  expect((await client.get('/set?name=Ada')).body).toBe('an-id');
  await expect(told((done) => app.store.get('an-id', done))).rejects.toThrow('(leave out genid)');
  expect(await all(client)).toEqual({ name: 'Ada' });
});

test('express-session: who signs out of it is nobody’s in the list either', async () => {
  await using app = await startExpress(strategies.local!());
  const client = new Client(app.url);
  await client.get('/set?cart=1');
  await client.get('/login?user=ada');
  expect(await app.app.listSessions('ada')).toHaveLength(1);
  expect((await app.app.open((await app.app.listSessions('ada'))[0]!.id))?.user).toBe(hashOf('ada'));
  await client.get('/logout');
  expect(await app.app.listSessions('ada')).toEqual([]);
  await client.get('/login?user=ada');
  expect(await app.app.destroySessions('ada')).toBe(1);
  expect(await all(client)).toEqual({});
});

async function startFastify(options: SessionOptions) {
  const app = fastify();
  await app.register(cookie);
  await app.register(limpet, { onError: () => {}, ...options });
  const sessionSecret = 'a secret of this test that is long enough';
  await app.register(fastifySession, {
    secret: sessionSecret,
    saveUninitialized: false,
    cookie: { secure: false },
    store: limpetStore(app),
    idGenerator: limpetId,
  });
  app.get('/set', async (request) => {
    request.session.set('name' as never, Object(request.query).name as never);
    return request.session.encryptedSessionId;
  });
  app.get('/all', async (request) => ({ name: request.session.get('name' as never) ?? null }));
  await app.listen({ host, port: 0 });
  const port = Number(Object(app.server.address()).port);
  return { app, port, [Symbol.asyncDispose]: () => app.close() };
}

test.each(Object.entries(strategies))(
  '@fastify/session on %s: decryptSession without a request of its own',
  async (name, of) => {
    await using running = await startFastify(of());
    await using balancer = await TestBalancer.start({ servers: [running.port], secret });
    const client = new Client(name === 'sticky' ? balancer.url : `http://${host}:${running.port}`);
    const cookieValue = (await client.get('/set?name=Ada')).body;
    // What a handler of a socket has: an object of its own.
    const decrypted = async () => {
      const request = {
        session: undefined as { name?: string; save(): Promise<void>; destroy(): Promise<void> } | undefined,
      };
      await told((done) => running.app.decryptSession(cookieValue, request as never, done as never));
      return request.session;
    };
    const session = await decrypted();
    expect(session).toMatchObject({ name: 'Ada' });
    session!.name = 'Bea';
    await session!.save();
    expect((await client.get('/all')).body).toBe('{"name":"Bea"}');
    await session!.destroy();
    expect((await decrypted())?.name).toBeUndefined();
    expect((await client.get('/all')).body).toBe('{"name":null}');
  },
);
