/** An app written for express-session, with one line changed: its documented behaviour, and what its users lose elsewhere. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { runtimes } from '../support/runtimes.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';
import { type LaunchedApp, launch } from './support/launch.ts';

for (const runtime of runtimes) {
  describe(`express-session on ${runtime}`, () => {
    let one: LaunchedApp;
    let two: LaunchedApp;
    let balancer: TestBalancer;
    let mark = 0;
    const launchWith = (more: object) => launch({ runtime, app: 'express-session', more });

    beforeAll(async () => {
      [one, two] = await Promise.all([launchWith({}), launchWith({})]);
      balancer = await TestBalancer.start({ servers: [one.port, two.port] });
    });
    afterAll(async () => {
      await balancer[Symbol.asyncDispose]();
      await Promise.all([one.kill(), two.kill()]);
    });

    const begin = async () => {
      const client = new Client(balancer.url);
      await client.get('/set?name=before&value=1');
      mark = balancer.log.length;
      return client;
    };
    const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
    const since = () => balancer.log.slice(mark);
    const fire = (signal: string) => fetch(`http://${host}:${one.port}/fire?signal=${signal}`);
    const arrived = (signal: string) => fetch(`http://${host}:${one.port}/arrived?signal=${signal}`);

    test('a change travels with its response, reads put nothing, the session survives its server', async () => {
      const client = await begin();
      expect(await all(client)).toEqual({ before: '1' });
      expect(since()).toEqual([]);
      balancer.claim(client.id, two.port, 'rebind');
      expect(await all(client)).toEqual({ before: '1' });
    });

    test('saveUninitialized: false keeps nothing of a visitor and sets no cookie', async () => {
      const client = new Client(balancer.url);
      expect(await all(client)).toEqual({});
      expect(client.jar.size).toBe(0);
    });

    test('saveUninitialized: true does both', async () => {
      await using app = await launchWith({ saveUninitialized: true });
      await using other = await TestBalancer.start({ servers: [app.port] });
      const client = new Client(other.url);
      await client.get('/all');
      expect([...client.jar.keys()].sort()).toEqual(['connect.sid', 'limpet']);
    });

    test('#704, #360: a redirect is followed to the change', async () => {
      const client = new Client(balancer.url);
      expect((await client.get('/redirect')).status).toBe(302);
      expect(await all(client)).toEqual({ went: true });
    });

    test('a change before writeHead goes with the head, one after it before the last byte', async () => {
      const client = await begin();
      expect((await client.get('/head-first?name=a&value=1')).body).toBe('body');
      expect(since()).toEqual(['put 1 v2']);
      expect((await client.get('/late?name=b&value=1')).body).toBe('first last');
      expect(await all(client)).toEqual({ before: '1', a: '1', b: '1' });
    });

    test('#632: a request in flight cannot undo a logout', async () => {
      const client = await begin();
      const writer = client.twin().get('/hold?name=back&value=1&signal=w');
      await arrived('w');
      expect((await client.get('/logout')).body).toBe('out');
      await fire('w');
      expect(await writer).toMatchObject({ status: 503 });
      expect(await all(client)).toEqual({});
    });

    test('resave, rolling and a read in flight cannot either', async () => {
      await using app = await launchWith({ resave: true, rolling: true });
      await using other = await TestBalancer.start({ servers: [app.port] });
      const at = (path: string) => fetch(`http://${host}:${app.port}${path}`);
      const client = new Client(other.url);
      await client.get('/set?value=1');
      const reader = client.twin().get('/hold-read?signal=r');
      await at('/arrived?signal=r');
      await client.get('/logout');
      await at('/fire?signal=r');
      expect((await reader).status).toBe(200);
      expect(await all(client)).toEqual({});
    });

    test('twenty writers of different names: all survive', async () => {
      const client = await begin();
      const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
      const writers = names.map((name) => client.twin().get(`/hold?name=${name}&value=1&signal=all-${name}`));
      for (const name of names) await arrived(`all-${name}`);
      for (const name of names) await fire(`all-${name}`);
      for (const answer of await Promise.all(writers)) expect(answer.status).toBe(200);
      expect(await all(client)).toEqual({ before: '1', ...Object.fromEntries(names.map((name) => [name, '1'])) });
    });

    test('regenerate gives a fresh id, and the old one has nothing', async () => {
      const client = await begin();
      const old = client.twin();
      expect((await client.get('/login?value=ada')).body).toBe('in');
      expect(client.jar.get('connect.sid')).not.toBe(old.jar.get('connect.sid'));
      expect(await all(client)).toEqual({ before: '1', user: 'ada' });
      expect(await all(old)).toEqual({});
    });

    test('regenerate gives the Limpet session a fresh id, too: what arrives late with the old one cannot put its cookie over the new one', async () => {
      const client = await begin();
      const old = client.twin();
      await client.get('/login?value=ada');
      expect(client.id).not.toBe(old.id);
      expect(balancer.kept.get(old.id)?.ended).toBe(true);
    });

    test.each(['destroy', 'regenerate'])(
      'a read in flight goes through when the Limpet session is over: %s',
      async (act) => {
        const client = await begin();
        const reader = client.twin().get(`/hold-read?signal=${act}`);
        const writer = client.twin().get(`/hold?name=lost&value=1&signal=${act}-w`);
        await Promise.all([arrived(act), arrived(`${act}-w`)]);
        await client.get(`/limpet/${act}`);
        await Promise.all([fire(act), fire(`${act}-w`)]);
        expect((await reader).status).toBe(200);
        expect((await writer).status).toBe(503);
      },
    );

    test('reload brings back what is kept', async () => {
      const client = await begin();
      await client.get('/set?value=kept');
      expect((await client.get('/reload')).body).toBe('{"value":"kept"}');
      expect(await all(client)).toEqual({ before: '1', value: 'kept' });
    });

    test('touch: maxAge goes on with each request, and puts only after a quarter of it', async () => {
      await using app = await launchWith({ cookie: { maxAge: 60_000 } });
      await using other = await TestBalancer.start({ servers: [app.port] });
      const client = new Client(other.url);
      await client.get('/set?value=1');
      for (let n = 0; n < 3; n++) await client.get('/all');
      expect(other.log).toEqual(['put 1 v1']);
      expect(JSON.parse((await client.get('/cookie')).body)).toMatchObject({ httpOnly: true, path: '/' });
    });

    test('rolling sets the cookie with each response', async () => {
      await using app = await launchWith({ rolling: true, cookie: { maxAge: 60_000, sameSite: 'strict' } });
      await using other = await TestBalancer.start({ servers: [app.port] });
      const client = new Client(other.url);
      await client.get('/set?value=1');
      const [line] = (await client.get('/all')).headers.getSetCookie();
      expect(line).toMatch(/^connect\.sid=.*SameSite=Strict/);
    });

    test('a cookie with a wrong signature is a new session', async () => {
      const client = await begin();
      client.jar.set('connect.sid', 's%3Aforged.forged');
      expect(await all(client)).toEqual({});
    });
  });
}
