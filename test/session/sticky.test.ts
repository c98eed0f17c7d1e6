/** Sticky sessions of real servers behind a balancer: every race that users report of session layers, on each framework. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { long } from '../support/long.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';
import { type LaunchedApp, launch } from './support/launch.ts';

const some = [
  { runtime: 'bun', app: 'web' },
  { runtime: 'node', app: 'express' },
] as const;
const others = [
  { runtime: 'bun', app: 'node' },
  { runtime: 'node', app: 'fastify' },
  { runtime: 'node', app: 'node' },
  { runtime: 'bun', app: 'express' },
  { runtime: 'bun', app: 'fastify' },
  { runtime: 'node', app: 'hono' },
  { runtime: 'bun', app: 'hono' },
  { runtime: 'bun', app: 'koa' },
  { runtime: 'node', app: 'h3' },
] as const;
const apps = long ? [...some, ...others] : some;

for (const { runtime, app } of apps) {
  describe(`${app} on ${runtime}`, () => {
    let one: LaunchedApp;
    let two: LaunchedApp;
    let balancer: TestBalancer;

    beforeAll(async () => {
      [one, two] = await Promise.all([launch({ runtime, app }), launch({ runtime, app })]);
      balancer = await TestBalancer.start({ servers: [one.port, two.port] });
    });
    afterAll(async () => {
      await balancer[Symbol.asyncDispose]();
      await Promise.all([one.kill(), two.kill()]);
    });

    const begin = async (name = 'name', value = 'Ada') => {
      const client = new Client(balancer.url);
      expect(await client.get(`/set?name=${name}&value=${value}`)).toMatchObject({ status: 200 });
      return client;
    };
    const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
    const info = async (client: Client) => JSON.parse((await client.get('/info')).body);
    const since = (mark: number) => balancer.log.slice(mark);
    const to = (port: number, path: string) => fetch(`http://${host}:${port}${path}`).then((answer) => answer.text());

    test('a change is with the balancer before the client hears of it, and reads put nothing', async () => {
      const mark = balancer.log.length;
      const client = await begin();
      expect(balancer.state(client.id)).toEqual({ name: 'Ada' });
      expect(await all(client)).toEqual({ name: 'Ada' });
      expect(await info(client)).toMatchObject({ id: client.id, epoch: 1, reason: 'held', isNew: false });
      expect(since(mark)).toEqual(['put 1 v1']);
    });

    test('a client that changes nothing gets no session', async () => {
      const client = new Client(balancer.url);
      expect(await info(client)).toMatchObject({ reason: 'new', isNew: true, strategy: 'sticky', survivesCrash: true });
      expect(client.id).toBe('');
    });

    test('deep changes count, and each is one version', async () => {
      const client = await begin();
      await client.get('/deep?value=a');
      await client.get('/deep?value=b');
      expect(balancer.kept.get(client.id)).toMatchObject({ version: 3, text: '{"name":"Ada","list":["a","b"]}' });
    });

    test('redirect before save: whoever follows finds the change', async () => {
      const client = new Client(balancer.url);
      expect((await client.get('/redirect?value=yes')).status).toBe(302);
      expect(await all(client)).toEqual({ value: 'yes' });
    });

    test('twenty writers of different names at once: all survive', async () => {
      const client = await begin();
      const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
      const held = names.map((name) => client.twin().get(`/hold?name=${name}&value=1&signal=twenty`));
      await to(one.port, '/arrived?signal=twenty');
      await to(one.port, '/fire?signal=twenty');
      for (const answer of await Promise.all(held)) expect(answer.status).toBe(200);
      expect(balancer.state(client.id)).toEqual({
        name: 'Ada',
        ...Object.fromEntries(names.map((name) => [name, '1'])),
      });
    });

    test('update runs one at a time', async () => {
      const client = await begin();
      await Promise.all(Array.from({ length: 20 }, () => client.twin().get('/update')));
      expect(balancer.state(client.id)).toMatchObject({ count: 20 });
    });

    test('express/session#632: a request in flight cannot undo a logout, and does not claim success', async () => {
      const client = await begin();
      const held = client.twin().get('/hold?name=back&value=1&signal=logout');
      await to(one.port, '/arrived?signal=logout');
      expect((await client.get('/logout')).status).toBe(200);
      await to(one.port, '/fire?signal=logout');
      expect(await held).toMatchObject({ status: 503 });
      expect(balancer.kept.get(client.id)?.ended).toBe(true);
      expect(await all(client)).toEqual({});
    });

    test('using a session after destroy throws by name', async () => {
      const client = await begin();
      expect((await client.get('/use-after-logout')).body).toMatch(/^SessionError: the session was destroyed/);
      expect(balancer.kept.get(client.id)?.ended).toBe(true);
    });

    test('who finds a session signed out before that is kept is told only when it is', async () => {
      const client = await begin();
      const logout = client.twin().get('/logout-held?signal=kept-first');
      await to(one.port, '/arrived?signal=kept-first');
      balancer.storeFails = true;
      expect((await client.get('/all')).status).toBe(503);
      expect(balancer.kept.get(client.id)?.ended).toBe(false);
      balancer.storeFails = false;
      expect(await all(client)).toEqual({});
      expect(balancer.kept.get(client.id)?.ended).toBe(true);
      await to(one.port, '/fire?signal=kept-first');
      expect((await logout).status).toBe(200);
    });

    test('the same of a change of id that is on its way', async () => {
      const client = await begin();
      const old = client.twin();
      const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
      const { promise: held, resolve: arrived } = Promise.withResolvers<void>();
      balancer.beforeJudging = () => {
        balancer.beforeJudging = () => {};
        arrived();
        return answered;
      };
      const login = client.get('/login?value=ada');
      await held;
      expect((await old.twin().get('/all')).status).toBe(503);
      balancer.beforeStore = () => {
        balancer.beforeStore = () => {};
        answer();
        return login.then(() => {});
      };
      expect(await all(old.twin())).toEqual({});
      expect((await login).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
    });

    test('signing in: a fresh id, the same state, the old id is dead', async () => {
      const client = await begin();
      const old = client.twin();
      expect((await client.get('/login?value=ada')).status).toBe(200);
      expect(client.id).not.toBe(old.id);
      expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
      expect(balancer.kept.get(old.id)?.ended).toBe(true);
      expect(await all(old)).toEqual({});
    });

    test('spring-session#1270: a request in flight under the old id neither sees nor changes the new session', async () => {
      const client = await begin();
      const reader = client.twin().get('/hold-read?name=user&signal=rotate');
      const writer = client.twin().get('/hold?name=cart&value=1&signal=rotate');
      await to(one.port, '/arrived?signal=rotate');
      await client.get('/login?value=ada');
      await to(one.port, '/fire?signal=rotate');
      expect((await reader).status).toBe(503);
      expect((await writer).status).toBe(503);
      expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
    });

    test('a request that comes with the old id meanwhile reads nothing and cannot write', async () => {
      const client = await begin();
      const old = client.twin();
      const login = client.get('/login-held?value=ada&signal=meanwhile');
      await to(one.port, '/arrived?signal=meanwhile');
      expect(await all(old.twin())).toEqual({});
      expect((await old.twin().get('/set?value=1')).status).toBe(503);
      await to(one.port, '/fire?signal=meanwhile');
      expect((await login).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
    });

    test('a change that was under way when its session got another id is kept with that', async () => {
      const client = await begin();
      const held = client.twin().get('/set-held?name=cart&value=1&signal=under-way');
      await to(one.port, '/arrived?signal=under-way');
      expect((await client.get('/login?value=ada')).status).toBe(200);
      await to(one.port, '/fire?signal=under-way');
      expect((await held).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', cart: '1', user: 'ada' });
    });

    // Found by test/chaos: the change was acknowledged, and lost.
    test('and is refused when that was not kept; the session goes on under its old id, and is never empty', async () => {
      await using patient = await launch({ runtime, app, options: { limits: { storeTimeout: 300 } } });
      await using other = await TestBalancer.start({ servers: [patient.port] });
      const client = new Client(other.url);
      await client.get('/set?name=name&value=Ada');
      const held = client.twin().get('/set-held?name=cart&value=1&signal=not-kept');
      await to(patient.port, '/arrived?signal=not-kept');
      other.putsFail = true;
      expect((await client.get('/login?value=ada')).status).toBe(503);
      other.putsFail = false;
      await to(patient.port, '/fire?signal=not-kept');
      expect((await held).status).toBe(503);
      const seen: string[] = [];
      const look = async () => {
        const { status, body } = await client.get('/all');
        if (status === 200) seen.push(body);
        return status;
      };
      await expect.poll(look, { timeout: 10_000 }).toBe(200);
      expect(seen).toEqual(['{"name":"Ada"}']);
      expect((await client.get('/login?value=ada')).status).toBe(200);
      expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
    });

    test('a session that moves arrives with its state, restored once for all who wait', async () => {
      const client = await begin();
      balancer.claim(client.id, two.port);
      const reads = balancer.reads.length;
      const answers = await Promise.all(Array.from({ length: 8 }, () => all(client.twin())));
      for (const answer of answers) expect(answer).toEqual({ name: 'Ada' });
      expect(balancer.reads.length - reads).toBe(1);
      await client.get('/set?name=name&value=Eve');
      expect(balancer.kept.get(client.id)).toMatchObject({ epoch: 2, version: 2 });
    });

    test('a state that comes along is not asked for, and goes on from its version', async () => {
      const client = await begin();
      balancer.claim(client.id, two.port, 'rebind', true);
      const reads = balancer.reads.length;
      expect(await all(client)).toEqual({ name: 'Ada' });
      await client.get('/set?name=name&value=Eve');
      expect(balancer.kept.get(client.id)).toMatchObject({ epoch: 2, version: 2, text: '{"name":"Eve"}' });
      expect(balancer.reads.length).toBe(reads);
    });

    test('msm#153: an owner that comes back never uses its old copy', async () => {
      const client = await begin('step', '1');
      balancer.claim(client.id, two.port, 'rebind');
      await client.get('/set?name=step&value=2');
      balancer.claim(client.id, one.port, 'rebind');
      expect(await all(client)).toEqual({ step: '2' });
      await client.get('/set?name=step&value=3');
      balancer.claim(client.id, two.port, 'rebind');
      expect(await all(client)).toEqual({ step: '3' });
    });

    test('msm#282: a take-over while a request works: its change is refused, not acknowledged', async () => {
      const client = await begin();
      const held = client.twin().get('/hold?name=lost&value=1&signal=takeover');
      await to(one.port, '/arrived?signal=takeover');
      balancer.claim(client.id, two.port, 'rebind');
      await client.get('/set?name=kept&value=1');
      await to(one.port, '/fire?signal=takeover');
      expect(await held).toMatchObject({ status: 503 });
      expect(await all(client)).toEqual({ name: 'Ada', kept: '1' });
    });

    test('what was refused with the put of another request is not acknowledged, also when the session is back here', async () => {
      const client = await begin();
      const held = client.twin().get('/set-held?name=lost&value=1&signal=first');
      await to(one.port, '/arrived?signal=first');
      const other = client.twin().get('/hold?name=refused&value=1&signal=second');
      await to(one.port, '/arrived?signal=second');
      balancer.claim(client.id, two.port, 'rebind');
      expect((await client.get('/set?name=kept&value=1')).status).toBe(200);
      // It puts both changes.
      await to(one.port, '/fire?signal=second');
      expect(await other).toMatchObject({ status: 503 });
      balancer.claim(client.id, one.port, 'rebind');
      expect((await client.get('/set?name=more&value=1')).status).toBe(200);
      await to(one.port, '/fire?signal=first');
      expect(await held).toMatchObject({ status: 503 });
      expect(await all(client)).toEqual({ name: 'Ada', kept: '1', more: '1' });
    });

    test('the owner is killed: the next one has every acknowledged change', async () => {
      const gone = await launch({ runtime, app });
      await using other = await TestBalancer.start({ servers: [gone.port] });
      const client = new Client(other.url);
      await client.get('/set?value=1');
      await gone.kill();
      other.claim(client.id, two.port, 'rebind');
      expect(await info(client)).toMatchObject({ reason: 'rebind', epoch: 2, isNew: false });
      expect(await all(client)).toEqual({ value: '1' });
    });

    test('the process is started anew at its address: it reads the session, and may write it', async () => {
      const first = await launch({ runtime, app });
      await using other = await TestBalancer.start({ servers: [first.port] });
      const client = new Client(other.url);
      await client.get('/set?value=1');
      await first.kill();
      await using _second = await launch({ runtime, app, port: first.port });
      expect(await all(client)).toEqual({ value: '1' });
      await client.get('/set?value=2');
      expect(other.kept.get(client.id)).toMatchObject({ epoch: 1, version: 2, text: '{"value":"2"}' });
    });

    test('two processes behind one address: nothing is lost, and the puts show it', async () => {
      await using other = await TestBalancer.start({ servers: [one.port] });
      const client = new Client(other.url);
      await client.get('/set?name=a&value=1');
      for (const [n, port] of [two.port, one.port, two.port].entries()) {
        other.place(client.id, port);
        expect((await client.get(`/set?name=b${n}&value=1`)).status).toBe(200);
      }
      expect(other.state(client.id)).toEqual({ a: '1', b0: '1', b1: '1', b2: '1' });
      expect(new Set([...other.processes.values()].flatMap((some) => [...some])).size).toBe(2);
    });

    test('the copies are lost: each session is put again with its next response, changed or not', async () => {
      const client = await begin();
      balancer.restart();
      expect(await all(client)).toEqual({ name: 'Ada' });
      expect(balancer.state(client.id)).toEqual({ name: 'Ada' });
      const mark = balancer.log.length;
      await all(client);
      expect(since(mark)).toEqual([]);
    });

    test('what somebody else answers in place of the store interface says nothing of a session', async () => {
      const client = await begin();
      const strange: [number, Record<string, string>, string][] = [
        [404, {}, 'session-store'],
        [404, { server: 'nginx' }, 'session-store'],
        [410, {}, 'session-store'],
        [200, { 'limpet-session': 'epoch=1; version=1; ttl=60' }, 'session-store'],
        [204, {}, 'session-store'],
        [200, { 'limpet-store': 'none' }, 'session-store'],
        [421, { 'limpet-store': 'unknown-server' }, 'session-store'],
        [400, { 'limpet-store': 'malformed' }, 'session-store'],
        [503, { 'limpet-store': 'failed' }, 'session-store'],
        [503, { 'limpet-store': 'ending' }, 'session-ending'],
        // The balancer has told of version 1: without it there is no session to go on with.
        [404, { 'limpet-store': 'none' }, 'session-lost'],
      ];
      for (const [at, [status, headers, reason]] of strange.entries()) {
        balancer.claim(client.id, at % 2 === 0 ? two.port : one.port);
        balancer.storeAnswer = [status, headers];
        for (const path of ['/all', '/set?name=name&value=Eve']) {
          const reply = await client.get(path);
          expect([reply.status, reply.headers.get('limpet-reason')]).toEqual([503, reason]);
        }
        balancer.storeAnswer = null;
        expect(await all(client)).toEqual({ name: 'Ada' });
      }
    });

    test('an end that the balancer could not take is told again, and nothing is read meanwhile', async () => {
      const client = await begin();
      balancer.endsFail = true;
      expect((await client.get('/logout')).status).toBe(503);
      balancer.endsFail = false;
      balancer.storeFails = true;
      expect((await client.get('/all')).status).toBe(503);
      expect(balancer.kept.get(client.id)?.ended).toBe(false);
      balancer.storeFails = false;
      expect(await all(client)).toEqual({});
      expect(balancer.kept.get(client.id)?.ended).toBe(true);
    });

    test('a change after the head is kept before the last byte', async () => {
      const client = await begin();
      expect((await client.get('/late?name=late&value=1')).body).toBe('first last');
      expect(balancer.state(client.id)).toEqual({ name: 'Ada', late: '1' });
    });

    test('also where the length is known and there are no trailers', async () => {
      const client = await begin();
      const mark = balancer.log.length;
      expect((await client.get('/late-length?name=late&value=1')).body).toBe('first last');
      expect(balancer.state(client.id)).toEqual({ name: 'Ada', late: '1' });
      expect(since(mark)).toEqual(['put-by-store 1 v2']);
    });

    test('a change after the head that cannot be kept breaks the response', async () => {
      const client = await begin();
      balancer.storeFails = true;
      await expect(client.get('/late-length?name=late&value=1')).rejects.toThrow();
      balancer.storeFails = false;
      expect((await client.get('/all')).status).toBe(200);
    });

    test('a large state goes through the store interface, before the head', async () => {
      const client = await begin();
      const mark = balancer.log.length;
      expect((await client.get('/large?name=big&value=100000')).status).toBe(200);
      expect(since(mark)).toEqual(['put-by-store 1 v2']);
      balancer.claim(client.id, two.port);
      expect(JSON.stringify(await all(client)).length).toBeGreaterThan(100_000);
    });

    test('when it is fenced there the client gets 503, and the next request the newer session', async () => {
      const client = await begin();
      const old = balancer.word(client.id);
      balancer.claim(client.id, two.port);
      await client.get('/set?name=name&value=Eve');
      const answer = await fetch(`http://${host}:${one.port}/large?value=100000`, {
        headers: { 'limpet-session': old.replace('reason=new', 'reason=held') },
      });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('limpet-reason')).toBe('session-fenced');
      balancer.claim(client.id, one.port);
      expect(await all(client)).toEqual({ name: 'Eve' });
    });

    test('a change that another request has put with its own, and that was fenced, is no success either', async () => {
      const client = await begin();
      const headers = { 'limpet-session': balancer.word(client.id).replace('reason=new', 'reason=held') };
      const at = (path: string) => fetch(`http://${host}:${one.port}${path}`, { headers });
      const held = at('/set-held?name=cart&value=mine&signal=fenced');
      await at('/arrived?signal=fenced');
      balancer.claim(client.id, two.port);
      expect((await at('/large?value=100000')).status).toBe(503);
      await at('/fire?signal=fenced');
      expect([(await held).status, (await held).headers.get('limpet-reason')]).toEqual([503, 'session-fenced']);
    });

    test('a large state whose store fails is 503, and is put as soon as it can be', async () => {
      const client = await begin();
      balancer.storeFails = true;
      expect((await client.get('/large?name=big&value=100000')).headers.get('limpet-reason')).toBe('session-store');
      balancer.storeFails = false;
      await all(client);
      expect(balancer.kept.get(client.id)?.text.length).toBeGreaterThan(100_000);
    });

    test('signing in with a large state: the client gets the new id', async () => {
      const client = await begin();
      await client.get('/large?name=big&value=100000');
      const before = client.id;
      expect((await client.get('/login?value=ada')).status).toBe(200);
      expect(client.id).not.toBe(before);
      expect(await all(client)).toMatchObject({ user: 'ada' });
    });

    test('saved out of band: it is kept while the response still waits', async () => {
      const client = await begin();
      const saved = client.twin().get('/save?name=socket&value=1&signal=save');
      await to(one.port, '/arrived?signal=save');
      expect(balancer.state(client.id)).toEqual({ name: 'Ada', socket: '1' });
      await to(one.port, '/fire?signal=save');
      expect((await saved).status).toBe(200);
    });

    test('what JSON would change without a word is refused by name', async () => {
      const client = await begin();
      const { status, headers } = await client.get('/date?name=when');
      expect([status, headers.get('limpet-reason')]).toEqual([500, 'not-serialisable']);
      expect(one.errors()).toContain('session.data.when is a Date; expected');
    });

    test('a request that did not come through a balancer is told so', async () => {
      const answer = await fetch(`http://${host}:${one.port}/all`);
      expect(answer.status).toBe(500);
      expect(answer.headers.get('limpet-reason')).toBe('no-balancer');
      expect(one.errors()).toContain('found no Limpet-Session header; expected one from a Limpet balancer');
    });
  });
}
