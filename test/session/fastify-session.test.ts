/** An app of @fastify/session, whose store is the Limpet session of the request. */
import { expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { startFastify } from './support/apps/fastify-session.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';

const start = () => startFastify({ strategy: 'sticky' });

async function stage() {
  const apps = await Promise.all([start(), start()]);
  const balancer = await TestBalancer.start({ servers: apps.map(({ port }) => port) });
  const client = new Client(balancer.url);
  await client.get('/set?value=1');
  return {
    balancer,
    client,
    other: apps[1]?.port ?? 0,
    at: (path: string) => fetch(`http://${host}:${apps[0]?.port}${path}`),
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
  const writer = client.twin().get('/hold?name=back&value=1&signal=fastify-write');
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
  const writers = names.map((name) => client.twin().get(`/hold?name=${name}&value=1&signal=fastify-${name}`));
  for (const name of names) await at(`/arrived?signal=fastify-${name}`);
  for (const name of names) await at(`/fire?signal=fastify-${name}`);
  for (const answer of await Promise.all(writers)) expect(answer.status).toBe(200);
  expect(await all(client)).toEqual({ value: '1', ...Object.fromEntries(names.map((name) => [name, '1'])) });
});

test('regenerate: a fresh id, and the old one has nothing', async () => {
  await using staged = await stage();
  const { client, all } = staged;
  const old = client.twin();
  expect((await client.get('/login?value=ada')).body).toBe('in');
  expect(await all(client)).toEqual({ value: '1', user: 'ada' });
  expect(await all(old)).toEqual({});
});
