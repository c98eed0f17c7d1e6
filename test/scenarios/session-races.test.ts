/** The races that session layers lose, each as a story with the library's servers behind the real balancer. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../session/support/client.ts';
import { type LaunchedApp, launch } from '../session/support/launch.ts';
import { host } from '../support/host.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, tellServer } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('races of sessions on %s', (runtime) => {
  let apps: LaunchedApp[];
  let limpet: Limpet;

  beforeAll(async () => {
    apps = await Promise.all([launch({ runtime, app: 'node' }), launch({ runtime, app: 'node' })]);
    const servers = apps.map(({ port }, n) => ({ name: `s${n}`, address: `${host}:${port}` }));
    limpet = await startLimpet(runtime, { config: { pools: { shop: { servers } }, sessions: {}, identify: true } });
  });

  afterAll(async () => {
    await limpet[Symbol.asyncDispose]();
    for (const app of apps) await app.kill();
  });

  const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
  /** Of the client's session. */
  const serverOf = async (client: Client): Promise<number> =>
    Number(/^s(\d)/.exec((await client.get('/info')).headers.get('limpet-server') ?? '')![1]);
  const begin = async (name: string, value: string): Promise<Client> => {
    const client = new Client(limpet.url);
    expect((await client.get(`/set?name=${name}&value=${value}`)).status).toBe(200);
    return client;
  };
  /** Sessions leave that server with their next request. */
  const drain = async (server: number): Promise<void> => {
    for (const [n, word] of [[server, 'drain'] as const, [1 - server, 'ready'] as const]) {
      expect(await tellServer(join(limpet.folder, 'state'), `s${n}`, word)).toBe(200);
    }
  };
  /** By a signal, at whichever server somebody waits for it. */
  const control = (server: number, path: string) => ask(`http://${host}:${apps[server]!.port}${path}`);

  test('msm#153: a session that comes back to its first server does not find its old copy there', async () => {
    const client = await begin('step', '0');
    const first = await serverOf(client);
    for (let step = 1; step < 5; step++) {
      const from = step % 2 === 1 ? first : 1 - first;
      await drain(from);
      expect(await all(client)).toEqual({ step: String(step - 1) });
      expect(await serverOf(client)).toBe(1 - from);
      expect((await client.get(`/set?name=step&value=${step}`)).status).toBe(200);
    }
  });

  test('logout against a request in flight: it neither undoes the logout nor claims success', async () => {
    const client = await begin('name', 'Ada');
    const server = await serverOf(client);
    const twin = client.twin();
    const held = twin.get('/hold?name=back&value=1&signal=logout');
    await control(server, '/arrived?signal=logout');
    const thief = client.twin();
    expect((await client.get('/logout')).status).toBe(200);
    await control(server, '/fire?signal=logout');
    const answer = await held;
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([503, []]);
    for (const one of [client, thief, twin]) expect(await all(one)).toEqual({});
  });

  test('concurrent writers of different keys: all survive, also the move that follows', async () => {
    const client = await begin('name', 'Ada');
    const server = await serverOf(client);
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
    const held = names.map((name) => client.twin().get(`/hold?name=${name}&value=1&signal=writers`));
    await control(server, '/arrived?signal=writers');
    await control(server, '/fire?signal=writers');
    for (const { status } of await Promise.all(held)) expect(status).toBe(200);
    await drain(server);
    expect(await all(client)).toEqual({ name: 'Ada', ...Object.fromEntries(names.map((name) => [name, '1'])) });
    expect(await serverOf(client)).toBe(1 - server);
  });

  test('redirect before save: whoever follows finds the change, at whatever server', async () => {
    for (let n = 0; n < 3; n++) {
      const client = new Client(limpet.url);
      const answer = await client.get(`/redirect?value=${n}`);
      expect([answer.status, answer.headers.get('location')]).toEqual([302, '/all']);
      await drain(Number(/^s(\d)/.exec(answer.headers.get('limpet-server')!)![1]));
      expect(await all(client)).toEqual({ value: String(n) });
    }
  });

  test('a new id against requests in flight: the old one sees and changes nothing', async () => {
    const client = await begin('name', 'Ada');
    const server = await serverOf(client);
    const old = client.twin();
    const writer = client.twin().get('/hold?name=cart&value=1&signal=rotate');
    await control(server, '/arrived?signal=rotate');
    expect((await client.get('/login?value=ada')).status).toBe(200);
    await control(server, '/fire?signal=rotate');
    expect((await writer).status).toBe(503);
    expect(await all(client)).toEqual({ name: 'Ada', user: 'ada' });
    expect(await all(old)).toEqual({});
  });

  // Found by test/chaos: the client was signed out.
  test('a late response of a moved session does not bring back the old id', async () => {
    const client = await begin('name', 'Ada');
    const server = await serverOf(client);
    await drain(server);
    // With the cookie of the first owner, so that its response owes the client another one.
    const late = client.twin().get('/save?name=saved&value=1&signal=late');
    await control(1 - server, '/arrived?signal=late');
    expect((await client.get('/login?value=ada')).status).toBe(200);
    await control(1 - server, '/fire?signal=late');
    const answer = await late;
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
    expect(await all(client)).toEqual({ name: 'Ada', saved: '1', user: 'ada' });
  });
});
