/** An app of @fastify/session, whose store is the Limpet session of the request. */
import cookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { limpet, limpetStore } from '../../src/session/fastify.ts';
import { control, wait } from './support/acts.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';

declare module 'fastify' {
  interface Session {
    [name: string]: unknown;
  }
}

async function start() {
  const app = fastify();
  app.addHook('onRequest', async (request, reply) => {
    const found = await control(new URL(request.url, 'http://app'));
    if (found !== null) return reply.send(found.body);
  });
  await app.register(cookie);
  await app.register(limpet, { strategy: 'sticky', onError: () => {} });
  await app.register(fastifySession, {
    secret: 'a secret of this test that is long enough',
    saveUninitialized: false,
    cookie: { secure: false },
    store: limpetStore(app),
  });
  app.get('/all', async (request) => {
    const { cookie: _cookie, ...data } = JSON.parse(JSON.stringify(request.session));
    return data;
  });
  app.get<{ Querystring: Record<string, string> }>('/set', async (request) => {
    const { name = 'value', value, signal } = request.query;
    if (signal !== undefined) await wait(signal);
    request.session.set(name, value);
    return 'set';
  });
  app.get<{ Querystring: Record<string, string> }>('/hold-read', async (request) => {
    await wait(request.query.signal ?? '');
    return 'read';
  });
  app.get('/login', async (request) => {
    await request.session.regenerate(['value']);
    request.session.set('user', 'ada');
    return 'in';
  });
  app.get('/logout', async (request) => {
    await request.session.destroy();
    return 'out';
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { port, [Symbol.asyncDispose]: () => app.close() };
}

async function stage() {
  const apps = await Promise.all([start(), start()]);
  const balancer = await TestBalancer.start({ servers: apps.map(({ port }) => port) });
  const client = new Client(balancer.url);
  await client.get('/set?value=1');
  return {
    balancer,
    client,
    other: apps[1]?.port ?? 0,
    at: (path: string) => fetch(`http://127.0.0.1:${apps[0]?.port}${path}`),
    all: async (who: Client): Promise<unknown> => JSON.parse((await who.get('/all')).body),
    async [Symbol.asyncDispose]() {
      await balancer[Symbol.asyncDispose]();
      for (const app of apps) await app[Symbol.asyncDispose]();
    },
  };
}

test('a session travels with its responses, moves with its client, and reads put nothing', async () => {
  await using staged = await stage();
  const { balancer, client, other, all } = staged;
  expect(await all(client)).toEqual({ value: '1' });
  expect(balancer.log).toEqual(['put 1 v1']);
  balancer.claim(client.id, other);
  expect(await all(client)).toEqual({ value: '1' });
});

test('with rolling, which is the default, a read in flight cannot undo a logout', async () => {
  await using staged = await stage();
  const { client, at, all } = staged;
  const old = client.twin();
  const reader = client.twin().get('/hold-read?signal=fastify-read');
  await at('/arrived?signal=fastify-read');
  expect((await client.get('/logout')).body).toBe('out');
  await at('/fire?signal=fastify-read');
  expect((await reader).status).toBe(200);
  expect(await all(old)).toEqual({});
});

test('nor can a write, which is told so', async () => {
  await using staged = await stage();
  const { client, at, all } = staged;
  const old = client.twin();
  const writer = client.twin().get('/set?name=back&value=1&signal=fastify-write');
  await at('/arrived?signal=fastify-write');
  await client.get('/logout');
  await at('/fire?signal=fastify-write');
  expect((await writer).status).toBe(503);
  expect(await all(old)).toEqual({});
});

test('twenty writers of different names: all survive', async () => {
  await using staged = await stage();
  const { client, at, all } = staged;
  const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
  const writers = names.map((name) => client.twin().get(`/set?name=${name}&value=1&signal=fastify-${name}`));
  for (const name of names) await at(`/arrived?signal=fastify-${name}`);
  for (const name of names) await at(`/fire?signal=fastify-${name}`);
  for (const answer of await Promise.all(writers)) expect(answer.status).toBe(200);
  expect(await all(client)).toEqual({ value: '1', ...Object.fromEntries(names.map((name) => [name, '1'])) });
});

test('regenerate: a fresh id, and the old one has nothing', async () => {
  await using staged = await stage();
  const { client, all } = staged;
  const old = client.twin();
  expect((await client.get('/login')).body).toBe('in');
  expect(await all(client)).toEqual({ value: '1', user: 'ada' });
  expect(await all(old)).toEqual({});
});
