/** express-session and @fastify/session with strategy shared: no server owns a session, and requests of it meet in the store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { runtimes } from '../support/runtimes.ts';
import { startFastify } from './support/apps/fastify-session.ts';
import { Client } from './support/client.ts';
import { launch } from './support/launch.ts';
import { MapStore } from './support/map-store.ts';

interface Running extends AsyncDisposable {
  readonly port: number;
}

function suite(name: string, start: (folder: string) => Promise<Running[]>): void {
  describe(name, () => {
    let folder = '';
    let servers: Running[] = [];
    let count = 0;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'limpet-shared-'));
      servers = await start(folder);
    });
    afterAll(async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    const at = (n: number) => `http://${host}:${servers[n]?.port}`;
    const begin = async () => {
      const client = new Client(at(0));
      await client.get('/set?name=before&value=1');
      return client;
    };
    /** The same cookies at the other server. */
    const move = (client: Client, n = 1) => {
      const moved = new Client(at(n));
      for (const [key, value] of client.jar) moved.jar.set(key, value);
      return moved;
    };
    const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
    /** A request at the other server that has read its session, and goes on when it is told. */
    const hold = async (client: Client, path: string, n = 1) => {
      const signal = `${name}-${++count}`;
      const who = move(client, n);
      const answer = who.get(`${path}${path.includes('?') ? '&' : '?'}signal=${signal}`);
      await fetch(`${at(n)}/arrived?signal=${signal}`);
      const goOn = async () => {
        await fetch(`${at(n)}/fire?signal=${signal}`);
        return answer;
      };
      return { goOn, who };
    };

    test('twenty writers of different names on two servers: all survive', async () => {
      const client = await begin();
      const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
      const writers = await Promise.all(names.map((one, n) => hold(client, `/hold?name=${one}&value=1`, n % 2)));
      for (const answer of await Promise.all(writers.map(({ goOn }) => goOn()))) expect(answer.status).toBe(200);
      expect(await all(client)).toEqual({ before: '1', ...Object.fromEntries(names.map((one) => [one, '1'])) });
    });

    test('a logout is not undone by a request in flight: a write is told so, a read goes through', async () => {
      const client = await begin();
      const old = client.twin();
      const writer = await hold(client, '/hold?name=back&value=1');
      const reader = await hold(client, '/hold-read');
      expect((await client.get('/logout')).body).toBe('out');
      expect((await writer.goOn()).status).toBe(503);
      expect((await reader.goOn()).status).toBe(200);
      for (const who of [old, move(old), writer.who, reader.who]) expect(await all(who)).toEqual({});
    });

    test('a login keeps what it set beside requests in flight, and the old id is dead', async () => {
      const client = await begin();
      const old = client.twin();
      const late = await hold(client, '/hold?name=late&value=1');
      const reader = await hold(client, '/hold-read');
      const login = await hold(client, '/login?value=ada');
      // While the login works, before it is kept.
      await move(client).get('/set?name=between&value=1');
      expect((await login.goOn()).body).toBe('in');
      expect((await late.goOn()).status).toBe(503);
      expect((await reader.goOn()).status).toBe(200);
      expect(await all(login.who)).toEqual({ before: '1', user: 'ada' });
      expect(await all(move(login.who, 0))).toEqual({ before: '1', user: 'ada' });
      for (const who of [old, move(old)]) expect(await all(who)).toEqual({});
    });

    test('reload reads what is kept now, and only that', async () => {
      const client = await begin();
      const reloading = await hold(client, '/reload');
      await client.get('/set?name=value&value=kept');
      expect(JSON.parse((await reloading.goOn()).body)).toMatchObject({ value: 'kept' });
      expect(await all(client)).toEqual({ before: '1', value: 'kept' });
    });

    test('what save has called back for is kept, before the answer', async () => {
      const client = await begin();
      const saving = await hold(client, '/save?name=early&value=1');
      expect(await all(client)).toEqual({ before: '1', early: '1' });
      expect((await saving.goOn()).body).toBe('saved');
    });

    test('save is told when the session is over, and so is the client', async () => {
      const client = await begin();
      const [saving, kept] = [await hold(client, '/hold-save?name=a&value=1'), await hold(client, '/hold-save?name=b')];
      expect((await kept.goOn()).body).toBe('saved');
      await client.get('/logout');
      expect((await saving.goOn()).status).toBe(503);
      const ended = 'the session was destroyed while this request worked; its change is lost';
      expect(JSON.parse((await move(client).get('/told')).body)).toEqual(['kept', ended]);
    });

    if (!name.startsWith('express')) return;

    test('after the head, too: the answer is not complete when its change is lost', async () => {
      const client = await begin();
      const kept = await hold(client, '/late-save?name=late&value=1');
      expect((await kept.goOn()).body).toBe('first last');
      expect(await all(client)).toEqual({ before: '1', late: '1' });
      const lost = await hold(client, '/late-save?name=later&value=1');
      await client.get('/logout');
      await expect(lost.goOn()).rejects.toThrow();
      const ended = 'the session was destroyed while this request worked; its change is lost';
      expect(JSON.parse((await move(client).get('/told')).body)).toEqual(['kept', ended]);
    });
  });
}

for (const runtime of runtimes) {
  suite(`express-session on ${runtime}`, (folder) => {
    const options = { strategy: 'shared', store: `lmdb:${folder}` } as const;
    const more = { rolling: true, cookie: { maxAge: 3_600_000 } };
    return Promise.all([0, 1].map(() => launch({ runtime, app: 'express-session', options, more })));
  });
}

suite('@fastify/session', () => {
  const store = new MapStore();
  return Promise.all([0, 1].map(() => startFastify({ strategy: 'shared', store })));
});
