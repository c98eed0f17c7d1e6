/** Apps lose the context of their request, or take another's for it; their sessions are theirs all the same, and no server dies. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { SessionOptions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { runtimes } from '../support/runtimes.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';
import { type LaunchedApp, launch } from './support/launch.ts';

const strategies = ['sticky', 'local', 'shared', 'stateless'] as const;

for (const runtime of runtimes) {
  for (const strategy of strategies) {
    describe(`lost context on ${runtime}, ${strategy}`, () => {
      let folder = '';
      let app: LaunchedApp;
      let balancer: TestBalancer | null = null;

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'limpet-lost-'));
        const options: Record<(typeof strategies)[number], Partial<SessionOptions>> = {
          sticky: {},
          local: {},
          shared: { store: `lmdb:${folder}` },
          stateless: { secret: 'a secret for these tests only' },
        };
        app = await launch({ runtime, app: 'lost-context', options: { strategy, ...options[strategy] } });
        if (strategy === 'sticky') balancer = await TestBalancer.start({ servers: [app.port] });
      });
      afterAll(async () => {
        await balancer?.[Symbol.asyncDispose]();
        await app.kill();
        rmSync(folder, { recursive: true, force: true });
      });

      const direct = () => `http://${host}:${app.port}`;
      const begin = async (value = 'first') => {
        const client = new Client(balancer?.url ?? direct());
        await client.send('POST', `/by/end/set?name=who&value=${value}`);
        return client;
      };
      const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
      /** What the server gets of a handshake that does not pass the test balancer. */
      const handshake = (client: Client): Record<string, string> => ({
        cookie: client.cookie,
        ...(balancer !== null && { 'limpet-session': balancer.word(client.id) }),
      });

      test.each(['native', 'end'])('in callbacks (%s): set, save, touch, reload, login, destroy', async (way) => {
        const client = await begin();
        const act = (what: string) => client.send('POST', `/by/${way}/${what}`);
        const set = await act('set?name=a&value=1');
        if (way === 'native') expect(set.headers.get('knows-its-request')).toBe('false');
        expect((await act('save?name=b&value=2')).body).toBe('saved');
        expect((await act('touch')).body).toBe('touched');
        expect(await all(client)).toEqual({ who: 'first', a: '1', b: '2' });
        expect(JSON.parse((await act('reload')).body)).toEqual({ who: 'first', a: '1', b: '2' });
        if (strategy !== 'stateless') expect((await act('stream?name=c&value=3')).body).toBe('first last');
        const before = client.twin();
        expect((await act('login?value=ada')).body).toBe('in');
        expect(await all(client)).toEqual({ user: 'ada' });
        if (strategy !== 'stateless') expect(await all(before)).toEqual({});
        const last = client.twin();
        expect((await act('destroy')).body).toBe('out');
        expect(await all(client)).toEqual({});
        if (strategy !== 'stateless') expect(await all(last)).toEqual({});
      });

      test("a callback that runs within another user's request changes neither the other's session nor its own wrongly", async () => {
        const [client, other] = [await begin('client'), await begin('other')];
        for (const [n, act] of ['set', 'save', 'login', 'destroy'].entries()) {
          const signal = `${act}-${n}`;
          const answer = client.get(`/by/pool/${act}?name=mine&value=1&signal=${signal}`);
          // Until the first has come so far, nobody listens.
          let done = false;
          void answer.then(() => (done = true));
          while (!done) await other.get(`/emit?signal=${signal}`);
          expect((await answer).status).toBe(200);
          expect((await answer).headers.get('knows-its-request')).toBe('false');
          expect(await all(other)).toEqual({ who: 'other' });
          expect(await all(client)).toEqual(
            [{ who: 'client', mine: '1' }, { who: 'client', mine: '1' }, { user: '1' }, {}][n],
          );
        }
      });

      test('body parsers', async () => {
        const client = await begin();
        const send = (type: string, body: string) => client.send('POST', '/json', { 'content-type': type }, body);
        expect((await send('application/json', '{"a":[1]}')).status).toBe(200);
        expect(await all(client)).toEqual({ who: 'first', body: { a: [1] } });
        expect((await send('application/x-www-form-urlencoded', 'b=2')).status).toBe(200);
        expect(await all(client)).toEqual({ who: 'first', body: { b: '2' } });
      });

      test('passport: login with flash and regenerate, a failure, logout', async () => {
        const client = await begin();
        const me = async (who = client): Promise<unknown> => JSON.parse((await who.get('/passport/me')).body);
        expect((await client.get('/passport/login')).status).toBe(302);
        expect(await me()).toEqual({ user: null, messages: { error: ['no user'] } });
        const before = client.twin();
        expect((await client.get('/passport/login?user=ada')).status).toBe(302);
        expect(await me()).toEqual({ user: { name: 'ada' }, messages: { success: ['welcome'] } });
        expect(await me()).toEqual({ user: { name: 'ada' }, messages: {} });
        expect(await me(before)).toMatchObject({ user: null });
        expect((await client.get('/passport/logout')).status).toBe(302);
        expect(await me()).toMatchObject({ user: null });
      });

      test.each(['polling', 'websocket'])('Socket.IO with io.engine.use(session) over %s', async (transport) => {
        const client = await begin();
        const isPolling = transport === 'polling';
        const url = isPolling ? (balancer?.url ?? direct()) : direct();
        const extraHeaders = isPolling ? { cookie: client.cookie } : handshake(client);
        const socket = io(url, { transports: [transport], extraHeaders, reconnection: false });
        try {
          const said = await socket.timeout(10_000).emitWithAck('set', 'said', 'hello');
          // A token goes with a head, and sockets have none.
          if (strategy === 'stateless') expect(said).toMatch(/^error: .*after the head/);
          else {
            expect(said).toBe('saved');
            expect(JSON.stringify(balancer?.state(client.id) ?? 'hello')).toContain('hello');
            expect(await all(client)).toEqual({ who: 'first', said: 'hello' });
            await client.get('/by/native/set?name=later&value=1');
            const found = await socket.timeout(10_000).emitWithAck('reload');
            expect(found).toEqual({ who: 'first', said: 'hello', later: '1' });
          }
        } finally {
          socket.close();
        }
      });

      test.each([
        ['a bare object', '/ws'],
        ['a response that sends nothing', '/ws-response'],
      ])('a WebSocket upgrade whose handler calls the middleware with %s', async (_what, path) => {
        const client = await begin();
        const socket = new WebSocket(`${direct().replace('http', 'ws')}${path}`, { headers: handshake(client) });
        const messages: string[] = [];
        const next = () =>
          new Promise<string>((done, fail) => {
            socket.once('message', (data) => done(String(data)));
            socket.once('error', fail);
            socket.once('close', () => fail(new Error('the socket was closed')));
          });
        messages.push(await next());
        const answered = next();
        socket.send('hello');
        messages.push(await answered);
        socket.terminate();
        if (strategy === 'stateless') expect(messages[1]).toMatch(/^error: /);
        else {
          expect(messages).toEqual(['{"who":"first"}', 'saved']);
          // Not with the next response: now.
          expect(JSON.stringify(balancer?.state(client.id) ?? 'hello')).toContain('hello');
          expect(await all(client)).toEqual({ who: 'first', said: 'hello' });
        }
      });

      test('ending the response twice counts once; an id that is not there is null', async () => {
        const client = await begin();
        expect((await client.get('/by/native/twice?name=t&value=1')).body).toBe('once');
        expect(await all(client)).toEqual({ who: 'first', t: '1' });
        expect(JSON.parse((await client.get('/store')).body)).toEqual({ error: null, found: null });
      });

      test.each([
        ...['stream', 'head', 'flush', 'regenerated'].map((path) => ['/visitors', path] as const),
        ['', 'regenerated'] as const,
      ])('a new visitor whose session is saved gets its cookie in time: %s/%s', async (folder, path) => {
        const client = new Client(balancer?.url ?? direct());
        const [id, last] = (await client.get(`${folder}/${path}`)).body.split(' ');
        expect(last).toBe('last');
        expect(client.jar.size).toBe(2);
        expect((await client.get(`${folder}/id`)).body).toBe(id);
        expect((await client.get(`${folder}/id`)).body).toBe(id);
      });

      test('and the server has written no error', () => expect(app.errors()).toBe(''));
    });
  }
}
