/** A Fastify app that goes on in callbacks without the context of their request, or within another's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SessionOptions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { type FastifyApp, startFastify } from './support/apps/fastify-session.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

const strategies: readonly SessionOptions[] = [
  { strategy: 'sticky' },
  { strategy: 'local' },
  { strategy: 'shared', store: new MapStore() },
  { strategy: 'stateless', secret: 'a secret for these tests only' },
];

describe.each(strategies)('strategy $strategy', (options) => {
  let app: FastifyApp;
  let balancer: TestBalancer | null = null;

  beforeAll(async () => {
    app = await startFastify(options);
    if (options.strategy === 'sticky') balancer = await TestBalancer.start({ servers: [app.port] });
  });
  afterAll(async () => {
    await balancer?.[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
  });

  const begin = async (value = 'first') => {
    const client = new Client(balancer?.url ?? `http://${host}:${app.port}`);
    await client.get(`/by/native/set?name=who&value=${value}`);
    return client;
  };
  const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);

  test('set, save, reload, login, destroy in callbacks of native modules', async () => {
    const client = await begin();
    const act = async (what: string) => expect((await client.get(`/by/native/${what}`)).status).toBe(200);
    await act('set?name=a&value=1');
    await act('save?name=b&value=2');
    expect(await all(client)).toEqual({ who: 'first', a: '1', b: '2' });
    await act('reload');
    expect(await all(client)).toEqual({ who: 'first', a: '1', b: '2' });
    const before = client.twin();
    await act('login?value=ada');
    expect(await all(client)).toEqual({ user: 'ada' });
    if (options.strategy !== 'stateless') expect(await all(before)).toEqual({});
    await act('destroy');
    expect(await all(client)).toEqual({});
  });

  test("a callback within another user's request", async () => {
    const [client, other] = [await begin('client'), await begin('other')];
    const after = [{ who: 'client', mine: '1' }, { who: 'client', mine: '1' }, { user: '1' }, {}];
    for (const [n, act] of ['set', 'save', 'login', 'destroy'].entries()) {
      const signal = `${options.strategy}-${n}`;
      const answer = client.get(`/by/pool/${act}?name=mine&value=1&signal=${signal}`);
      // Until the first has come so far, nobody listens.
      let done = false;
      void answer.then(() => (done = true));
      while (!done) await other.get(`/emit?signal=${signal}`);
      expect((await answer).status).toBe(200);
      expect(await all(other)).toEqual({ who: 'other' });
      expect(await all(client)).toEqual(after[n]);
    }
  });
});
