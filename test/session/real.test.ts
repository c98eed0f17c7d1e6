/** The library behind the real balancer: begin, sign in, be killed, be drained of nothing, sign out. */
import { expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { Client } from './support/client.ts';
import { type LaunchedApp, launch } from './support/launch.ts';

const secret = 'shared by the balancer and its servers, for tests';

async function stage(runtime: (typeof runtimes)[number], app: string) {
  const options = { secret };
  const apps = await Promise.all([launch({ runtime, app, options }), launch({ runtime, app, options })]);
  const servers = apps.map(({ port }, n) => ({ name: `s${n}`, address: `${host}:${port}` }));
  const config = { pools: { shop: { servers } }, sessions: { store: 'memory', secret }, identify: true };
  const limpet = await startLimpet(runtime, { config });
  return {
    limpet,
    client: new Client(limpet.url),
    ownerOf: (headers: Headers): LaunchedApp => {
      const owner = apps[Number(/^s(\d)/.exec(headers.get('limpet-server') ?? '')?.[1])];
      if (owner === undefined) throw new Error(`no server in ${headers.get('limpet-server')}`);
      return owner;
    },
    async [Symbol.asyncDispose]() {
      await limpet[Symbol.asyncDispose]();
      for (const one of apps) await one.kill();
    },
  };
}

for (const runtime of runtimes) {
  for (const app of runtime === 'bun' ? ['node', 'express', 'hono', 'web'] : ['node', 'express', 'fastify']) {
    test(`${app} on ${runtime}`, async () => {
      await using all = await stage(runtime, app);
      const { client, ownerOf } = all;
      const state = async (): Promise<unknown> => JSON.parse((await client.get('/all')).body);

      expect(await state()).toEqual({});
      expect(client.id).toBe('');
      const first = await client.get('/set?name=a&value=1');
      expect(first.status).toBe(200);
      const before = client.twin();
      expect((await client.get('/login?value=ada')).status).toBe(200);
      expect(await state()).toEqual({ a: '1', user: 'ada' });
      expect(JSON.parse((await before.get('/all')).body)).toEqual({});

      expect((await client.get('/late?name=late&value=1')).body).toBe('first last');
      expect((await client.get('/late-length?name=length&value=1')).body).toBe('first last');
      expect((await client.get('/large?name=big&value=50000')).status).toBe(200);
      const big = 'x'.repeat(50_000);
      const whole = { a: '1', user: 'ada', late: '1', length: '1', big };
      expect(await state()).toEqual(whole);

      const { headers } = await client.get('/info');
      await ownerOf(headers).kill();
      expect(await state()).toEqual(whole);
      expect((await client.get('/deep?value=after')).status).toBe(200);
      const info = JSON.parse((await client.get('/info')).body);
      expect(info).toMatchObject({ epoch: 2, isNew: false, reason: 'held' });
      expect((await client.get('/login?value=large')).status).toBe(200);
      expect(await state()).toEqual({ ...whole, user: 'large', list: ['after'] });

      const last = client.twin();
      expect((await client.get('/logout')).status).toBe(200);
      expect(await state()).toEqual({});
      expect(JSON.parse((await last.get('/all')).body)).toEqual({});
    });
  }
}
