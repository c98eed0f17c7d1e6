/** I11: a change that cannot be kept, or whose handler threw, leaves nothing behind: on each framework and each strategy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SessionOptions, sessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { act, control, refusedNames } from './support/acts.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';
import { type LaunchedApp, launch } from './support/launch.ts';
import { MapStore } from './support/map-store.ts';
import { sendNode } from './support/program.ts';

interface Stage {
  /** Where clients connect, and where the app listens. */
  readonly url: string;
  readonly app: string;
  readonly balancer: TestBalancer | null;
  end(): Promise<void>;
}

async function behindBalancer(app: LaunchedApp): Promise<Stage> {
  const balancer = await TestBalancer.start({ servers: [app.port] });
  const end = async () => {
    await balancer[Symbol.asyncDispose]();
    await app.kill();
  };
  return { url: balancer.url, app: `http://${host}:${app.port}`, balancer, end };
}

async function alone(options: SessionOptions): Promise<Stage> {
  const app = sessions({ onError: () => {}, ...options });
  const handle = app.handle(async (request, response, session) =>
    sendNode(response, await act(new URL(request.url ?? '/', 'http://app'), session)),
  );
  const server = await serve(async (request, response) => {
    const reply = await control(new URL(request.url ?? '/', 'http://app'));
    if (reply === null) await handle(request, response);
    else await sendNode(response, reply);
  });
  const url = `http://${host}:${server.port}`;
  const end = async () => {
    await server[Symbol.asyncDispose]();
    await app.close();
  };
  return { url, app: url, balancer: null, end };
}

const secret = 'a secret for these tests only';
const stages: Record<string, { readonly start: () => Promise<Stage>; readonly isShared: boolean }> = {
  'sticky: node on node': launched('node', 'node'),
  'sticky: node on bun': launched('bun', 'node'),
  'sticky: express on node': launched('node', 'express'),
  'sticky: express on bun': launched('bun', 'express'),
  'sticky: fastify on node': launched('node', 'fastify'),
  'sticky: fastify on bun': launched('bun', 'fastify'),
  'sticky: web on bun': launched('bun', 'web'),
  'sticky: hono on node': launched('node', 'hono'),
  'sticky: hono on bun': launched('bun', 'hono'),
  'sticky: koa on node': launched('node', 'koa'),
  'sticky: h3 on bun': launched('bun', 'h3'),
  local: { start: () => alone({ strategy: 'local' }), isShared: true },
  shared: { start: () => alone({ strategy: 'shared', store: new MapStore() }), isShared: false },
  stateless: { start: () => alone({ strategy: 'stateless', secret }), isShared: false },
};

function launched(runtime: 'node' | 'bun', app: string) {
  return { start: async () => behindBalancer(await launch({ runtime, app })), isShared: true };
}

for (const [name, { start, isShared }] of Object.entries(stages)) {
  describe(name, () => {
    let stage: Stage;
    beforeAll(async () => {
      stage = await start();
    });
    afterAll(() => stage.end());

    const begin = async () => {
      const client = new Client(stage.url);
      expect(await client.get('/set?name=name&value=Ada')).toMatchObject({ status: 200 });
      return client;
    };
    const all = async (client: Client): Promise<unknown> => {
      const { status, body } = await client.get('/all');
      expect(status).toBe(200);
      return JSON.parse(body);
    };
    const signal = async (path: string) => void (await (await fetch(`${stage.app}${path}`)).text());

    test.each([...refusedNames, 'large'])('%s is refused once, by name, and then it is gone', async (what) => {
      const code = what === 'large' ? 'state-too-large' : 'not-serialisable';
      const client = await begin();
      for (const by of ['data', 'set']) {
        const { status, headers } = await client.get(`/refused?name=bad&value=${what}&by=${by}`);
        expect([status, headers.get('limpet-reason')]).toEqual([500, code]);
        expect(await all(client)).toEqual({ name: 'Ada' });
      }
      expect((await client.get(`/refused-caught?name=bad&value=${what}`)).body).toBe(code);
      expect((await client.get(`/update-refused?name=bad&value=${what}`)).body).toBe(code);
      expect((await client.get('/set?name=more&value=1')).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', more: '1' });
      expect(await client.get(`/logout-refused?name=bad&value=${what}`)).toMatchObject({ status: 200, body: 'bye' });
      expect(await all(client)).toEqual({});
    });

    test('what a handler changed before it threw is undone, in depth', async () => {
      const client = await begin();
      await client.get('/deep?value=a');
      expect((await client.get('/throw?name=name&value=Eve')).status).toBe(500);
      expect(await all(client)).toEqual({ name: 'Ada', list: ['a'] });
      expect((await client.get('/set?name=more&value=1')).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', list: ['a'], more: '1' });
    });

    test('a new session that only such a handler had begun is none', async () => {
      const client = new Client(stage.url);
      expect((await client.get('/throw?value=1')).status).toBe(500);
      expect(client.jar.size).toBe(0);
      expect(await all(client)).toEqual({});
    });

    test('and one that breaks the response off after its head', async (context) => {
      const isLate = name === 'sticky: express on bun' || name === 'sticky: fastify on bun';
      context.skip(isLate, 'on Bun the close event of a broken response may come after the next request of its client');
      const client = await begin();
      await expect(client.get('/throw-late?name=name&value=Eve')).rejects.toThrow();
      expect(await all(client)).toEqual({ name: 'Ada' });
    });

    test('an answer of 500 or above has changed nothing, any other has', async () => {
      const client = await begin();
      expect((await client.get('/status?name=name&value=503')).status).toBe(503);
      expect(await all(client)).toEqual({ name: 'Ada' });
      expect((await client.get('/status?name=name&value=422')).status).toBe(422);
      expect(await all(client)).toEqual({ name: '422' });
    });

    test('a sign-in that throws leaves the session as it was, under its id', async () => {
      const client = await begin();
      const before = [...client.jar.values()];
      expect((await client.get('/login-throw?name=name&value=ada')).status).toBe(500);
      expect([...client.jar.values()]).toEqual(before);
      expect(await all(client)).toEqual({ name: 'Ada' });
      expect((await client.get('/login?value=ada')).status).toBe(200);
      expect([...client.jar.values()]).not.toEqual(before);
      expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
    });

    test('an update that throws is undone, and not what the request had changed before it', async () => {
      const client = await begin();
      expect(await client.get('/update-throw?name=name&value=Eve')).toMatchObject({
        status: 200,
        body: 'Error: as it was asked',
      });
      expect(await all(client)).toEqual({ name: 'Ada', before: '1' });
    });

    test('an update within an update is a part of it', async () => {
      const client = await begin();
      expect((await client.get('/update-nested?value=1')).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', outer: '1', inner: '1' });
      expect((await client.get('/update')).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', outer: '1', inner: '1', count: 1 });
    });

    if (!isShared) return;

    test('a client that goes away is no failure: what its handler has changed is kept', async () => {
      const client = await begin();
      const cookie = [...client.jar].map((pair) => pair.join('=')).join('; ');
      for (const [n, path] of ['/set-held', '/late-held'].entries()) {
        const leave = new AbortController();
        const query = `name=left${n}&value=1&signal=${name}-left-${n}`;
        const asked = fetch(`${stage.url}${path}?${query}`, { headers: { cookie }, signal: leave.signal });
        await signal(`/arrived?signal=${name}-left-${n}`);
        if (path === '/late-held') await asked;
        leave.abort();
        await expect(asked.then((answer) => answer.text())).rejects.toThrow();
        await signal(`/fire?signal=${name}-left-${n}`);
        expect(await all(client)).toMatchObject({ name: 'Ada', [`left${n}`]: '1' });
      }
    });

    test('of two at once that share the object: what one leaves goes with the other', async () => {
      const client = await begin();
      const other = client.twin().get(`/set-held?name=other&value=1&signal=${name}-shares`);
      await signal(`/arrived?signal=${name}-shares`);
      expect((await client.get('/throw?name=thrown&value=1')).status).toBe(500);
      await signal(`/fire?signal=${name}-shares`);
      expect((await other).status).toBe(200);
      expect(await all(client)).toMatchObject({ name: 'Ada', other: '1', thrown: '1' });
    });

    test('a change under way while such a sign-in fails is kept with the session that goes on', async () => {
      const client = await begin();
      const other = client.twin().get(`/set-held?name=other&value=1&signal=${name}-stays`);
      await signal(`/arrived?signal=${name}-stays`);
      const login = client.get(`/login-throw?name=name&value=ada&signal=${name}-login`);
      await signal(`/arrived?signal=${name}-login`);
      // On sticky it may well be through before: then it waits for what becomes of the new id.
      if (name.startsWith('sticky')) await signal(`/fire?signal=${name}-stays`);
      await signal(`/fire?signal=${name}-login`);
      expect((await login).status).toBe(500);
      await signal(`/fire?signal=${name}-stays`);
      expect((await other).status).toBe(200);
      const found = await all(client);
      expect(found).toMatchObject({ other: '1' });
      expect(found).not.toHaveProperty('user');
    });

    test('but the other alone is no reason, if it has changed nothing', async () => {
      const client = await begin();
      const other = client.twin().get(`/hold-read?name=name&signal=${name}-reads`);
      await signal(`/arrived?signal=${name}-reads`);
      expect((await client.get('/throw?name=thrown&value=1')).status).toBe(500);
      expect(await all(client)).toEqual({ name: 'Ada' });
      await signal(`/fire?signal=${name}-reads`);
      expect((await other).body).toBe('"Ada"');
    });

    test('what cannot be kept goes at once, and neither of the two claims success', async () => {
      const client = await begin();
      const guilty = client.twin().get(`/refused-held?name=bad&signal=${name}-guilty`);
      await signal(`/arrived?signal=${name}-guilty`);
      // It has changed nothing: it is not its fault, and shows what was kept.
      expect((await client.get('/info')).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada' });
      await signal(`/fire?signal=${name}-guilty`);
      const { status, headers } = await guilty;
      expect([status, headers.get('limpet-reason')]).toEqual([500, 'not-serialisable']);
      expect(await all(client)).toEqual({ name: 'Ada' });
    });

    if (!name.startsWith('sticky')) return;

    test('what the store finds too large is undone as well', async () => {
      const client = await begin();
      const { balancer } = stage;
      if (balancer === null) throw new Error('found no balancer');
      balancer.storeAnswer = [413, { 'limpet-store': 'too-large' }];
      const { status, headers } = await client.get('/large?name=big&value=100000');
      balancer.storeAnswer = null;
      expect([status, headers.get('limpet-reason')]).toEqual([500, 'state-too-large']);
      expect(await all(client)).toEqual({ name: 'Ada' });
      expect((await client.get('/set?name=more&value=1')).status).toBe(200);
      expect(balancer.state(client.id)).toEqual({ name: 'Ada', more: '1' });
    });
  });
}
