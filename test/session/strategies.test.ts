/** The same app on the strategies that need no balancer, by changing one word; and what each of them does by itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fillOptions, type InternalSessionOptions } from '../../src/session/filled-options.ts';
import { type SessionOptions, sessions } from '../../src/session/index.ts';
import { LocalSessions } from '../../src/session/local/local-sessions.ts';
import { host } from '../support/host.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { act, control } from './support/acts.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';
import { MapStore } from './support/map-store.ts';
import { sendNode } from './support/program.ts';

/** Two servers of one app, and a client that goes to either. */
async function run(options: InternalSessionOptions) {
  const errors: string[] = [];
  const apps = [0, 1].map(() => sessions({ onError: (error) => errors.push(error.message), ...options }));
  const servers = await Promise.all(
    apps.map((app) => {
      const handle = app.handle(async (request, response, session) =>
        sendNode(response, await act(new URL(request.url ?? '/', 'http://app'), session)),
      );
      return serve(async (request, response) => {
        const reply = await control(new URL(request.url ?? '/', 'http://app'));
        if (reply === null) await handle(request, response);
        else await sendNode(response, reply);
      });
    }),
  );
  const at = (n: number) => `http://${host}:${servers[n]?.port}`;
  return {
    errors,
    port: servers[0]?.port ?? 0,
    client: (n = 0) => new Client(at(n)),
    /** The same cookies, at another server. */
    move(client: Client, n: number): Client {
      const moved = new Client(at(n));
      for (const [name, value] of client.jar) moved.jar.set(name, value);
      return moved;
    },
    async [Symbol.asyncDispose]() {
      for (const app of apps) await app.close();
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** Of the option `user`: whoever is signed in. */
const user = (data: Readonly<Record<string, unknown>>) => (typeof data.user === 'string' ? data.user : undefined);

const all = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/all')).body);
const secret = 'a secret for these tests only';
const strategies = {
  local: (): SessionOptions => ({ strategy: 'local' }),
  shared: (): SessionOptions => ({ strategy: 'shared', store: new MapStore() }),
  stateless: (): SessionOptions => ({ strategy: 'stateless', secret }),
};

for (const [name, options] of Object.entries(strategies)) {
  describe(name, () => {
    test('set, read, sign in, sign out', async () => {
      await using app = await run(options());
      const client = app.client();
      expect(await all(client)).toEqual({});
      expect(client.jar.size).toBe(0);
      const { headers } = await client.get('/set?name=a&value=1');
      expect(headers.getSetCookie()[0]).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/);
      expect(headers.get('cache-control')).toBe('private');
      await client.get('/deep?value=x');
      expect(await all(client)).toEqual({ a: '1', list: ['x'] });
      const before = client.twin();
      await client.get('/login?value=ada');
      expect([...client.jar.values()]).not.toEqual([...before.jar.values()]);
      expect(await all(client)).toEqual({ a: '1', list: ['x'], user: 'ada' });
      await client.get('/logout');
      expect(client.jar.size).toBe(0);
      expect(await all(client)).toEqual({});
    });

    test('a forged cookie is nobody', async () => {
      await using app = await run(options());
      const client = app.client();
      await client.get('/set?value=1');
      for (const key of client.jar.keys()) client.jar.set(key, 'ab'.repeat(16));
      expect(await all(client)).toEqual({});
    });

    test('what cannot be kept is refused by name', async () => {
      await using app = await run(options());
      const { status, headers } = await app.client().get('/date?name=when');
      expect([status, headers.get('limpet-reason')]).toEqual([500, 'not-serialisable']);
    });

    test('a new session that begins after the head is an error, not a loss', async () => {
      await using app = await run(options());
      await expect(app.client().get('/late-length?value=1')).rejects.toThrow();
    });
  });
}

test('sticky: a new session that begins after the head, where no trailers are, is an error, not a loss', async () => {
  await using app = await run({ strategy: 'sticky' });
  await using balancer = await TestBalancer.start({ servers: [app.port] });
  const client = new Client(balancer.url);
  await expect(client.get('/late-length?value=1')).rejects.toThrow();
  expect(app.errors).toEqual(['a new session began after the head; expected before it: the cookie is part of it']);
  expect(balancer.log).toEqual([]);
  await client.get('/set?value=1');
  expect((await client.get('/late-length?name=late&value=1')).body).toBe('first last');
  expect(await all(client)).toEqual({ value: '1', late: '1' });
});

describe('local', () => {
  test('says that it does not survive, and does not', async () => {
    await using app = await run(strategies.local());
    const client = app.client();
    await client.get('/set?value=1');
    expect(JSON.parse((await client.get('/info')).body)).toMatchObject({ strategy: 'local', survivesCrash: false });
    expect(await all(app.move(client, 1))).toEqual({});
  });

  test('ends when it was idle for too long, and after its longest life', async () => {
    let now = 1_000_000;
    const clock = { now: () => now, wall: () => now, monotonic: () => now };
    await using app = await run({ strategy: 'local', idle: '10s', absolute: '25s', clock });
    const client = app.client();
    await client.get('/set?value=1');
    for (now += 9000; now < 1_025_000; now += 9000) expect(await all(client)).toEqual({ value: '1' });
    expect(await all(client)).toEqual({});
  });

  test('sessions that were idle for too long are let go, though nobody who comes has a cookie', async () => {
    let now = 1_000_000;
    const clock = { now: () => now, wall: () => now, monotonic: () => now };
    const sizes: number[] = [];
    const options = fillOptions({ strategy: 'local', idle: '10s', clock });
    const opener = new LocalSessions(options);
    for (let n = 0; n < 100; n++) {
      now += 1000;
      const exchange = opener.open({ header: () => undefined, tls: false }, true);
      exchange.session.set('n', n);
      exchange.beforeHead();
      exchange.close(true);
      sizes.push(opener.size);
    }
    expect(Math.max(...sizes)).toBe(10);
  });

  test('a logout cannot be undone, and an old id does not see the new session', async () => {
    await using app = await run(strategies.local());
    const client = app.client();
    await client.get('/set?value=1');
    const held = client.twin().get('/hold?name=back&value=1&signal=local-out');
    await client.get('/arrived?signal=local-out');
    await client.get('/logout');
    await client.get('/fire?signal=local-out');
    expect((await held).status).toBe(503);
  });
});

describe('shared', () => {
  for (const kind of ['lmdb', 'redis'] as const) {
    test(`in ${kind}, named by its address: two servers see and change the same sessions`, async (context) => {
      if (kind === 'redis') needProgram(context, 'redis');
      const folder = mkdtempSync(join(tmpdir(), 'limpet-shared-'));
      const redis = kind === 'redis' ? await RedisServer.start() : null;
      try {
        await using app = await run({ strategy: 'shared', store: redis?.url ?? `lmdb:${folder}` });
        const client = app.client();
        await client.get('/login?value=ada');
        const other = app.move(client, 1);
        expect(await all(other)).toEqual({ user: 'ada' });
        const names = Array.from({ length: 8 }, (_, n) => `n${n}`);
        await Promise.all(names.map((name, n) => app.move(client, n % 2).get(`/set?name=${name}&value=1`)));
        await Promise.all(names.map((_, n) => app.move(client, n % 2).get('/update')));
        const whole = { user: 'ada', count: 8, ...Object.fromEntries(names.map((name) => [name, '1'])) };
        expect(await all(client)).toEqual(whole);
        expect((await other.get('/logout')).status).toBe(200);
        expect(await all(client)).toEqual({});
        expect(app.errors).toEqual([]);
      } finally {
        await redis?.kill();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  test('a store that is none is refused at the door, without its password', () => {
    const open = (store?: string) => () => sessions({ strategy: 'shared', ...(store !== undefined && { store }) });
    expect(open()).toThrow('store: found none, expected redis://user:password@host:port/db');
    expect(open('memory')).toThrow('store: found "memory", expected redis://user:password@host:port/db');
    expect(open('rediss//me:secret@there')).toThrow('store: found "***", expected redis://user:password@host:port/db');
  });

  test('any server has it', async () => {
    await using app = await run(strategies.shared());
    const client = app.client();
    await client.get('/set?value=1');
    expect(await all(app.move(client, 1))).toEqual({ value: '1' });
  });

  test('twenty writers of different names on two servers: all survive', async () => {
    await using app = await run(strategies.shared());
    const client = app.client();
    await client.get('/set?name=a&value=0');
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
    const writers = names.map((name, n) => app.move(client, n % 2).get(`/set?name=${name}&value=1`));
    for (const answer of await Promise.all(writers)) expect(answer.status).toBe(200);
    expect(await all(client)).toEqual({ a: '0', ...Object.fromEntries(names.map((name) => [name, '1'])) });
  });

  test('update counts right on two servers', async () => {
    await using app = await run(strategies.shared());
    const client = app.client();
    await client.get('/set?value=1');
    await Promise.all(Array.from({ length: 20 }, (_, n) => app.move(client, n % 2).get('/update')));
    expect(await all(client)).toEqual({ value: '1', count: 20 });
  });

  test('onConflict: fail tells the slower one', async () => {
    await using app = await run({ ...strategies.shared(), onConflict: 'fail' });
    const client = app.client();
    await client.get('/set?value=1');
    const held = client.twin().get('/hold?name=slow&value=1&signal=conflict');
    await client.get('/arrived?signal=conflict');
    await client.get('/set?value=2');
    await client.get('/fire?signal=conflict');
    expect(await held).toMatchObject({ status: 503 });
  });

  test('a logout cannot be undone by a request in flight on another server', async () => {
    await using app = await run(strategies.shared());
    const client = app.client();
    await client.get('/set?value=1');
    const held = app.move(client, 1).get('/hold?name=back&value=1&signal=shared-out');
    await client.get('/arrived?signal=shared-out');
    const twin = client.twin();
    await client.get('/logout');
    await client.get('/fire?signal=shared-out');
    expect((await held).headers.get('limpet-reason')).toBe('session-ended');
    expect(await all(twin)).toEqual({});
  });

  test('reads write nothing', async () => {
    const store = new MapStore();
    await using app = await run({ strategy: 'shared', store });
    const client = app.client();
    await client.get('/set?value=1');
    for (let n = 0; n < 3; n++) await all(client);
    expect([store.puts, store.touches]).toEqual([1, 0]);
  });
});

describe('stateless', () => {
  test('any server that has the secret reads it, others and altered ones do not', async () => {
    await using app = await run({ strategy: 'stateless', secret: ['a new secret of this app', secret] });
    await using old = await run({ strategy: 'stateless', secret });
    const client = old.client();
    await client.get('/set?value=1');
    expect(await all(app.move(client, 1))).toEqual({ value: '1' });
    const fresh = app.client();
    await fresh.get('/set?value=2');
    expect(await all(old.move(fresh, 0))).toEqual({});
    expect(client.jar.get('session')).toMatch(/^ey[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  test('what does not fit into a cookie is refused by name', async () => {
    await using app = await run(strategies.stateless());
    expect((await app.client().get('/large?value=4000')).headers.get('limpet-reason')).toBe('cookie-too-large');
    expect(app.errors[0]).toMatch(/has \d+ bytes; expected at most 4096/);
  });

  test('a user whose minimum version is raised is logged out, whoever has the cookie', async () => {
    let minimum = 1;
    await using app = await run({ strategy: 'stateless', secret, user, minimumVersion: () => minimum });
    const client = app.client();
    await client.get('/login?value=ada');
    expect(await all(client)).toEqual({ user: 'ada' });
    minimum = 2;
    expect(await all(client.twin())).toEqual({});
    await client.get('/login?value=ada');
    expect(await all(client)).toEqual({ user: 'ada' });
  });

  test('a request in flight meanwhile does not come out with a token that counts again', async () => {
    let minimum = 1;
    await using app = await run({ strategy: 'stateless', secret, user, minimumVersion: () => minimum });
    const client = app.client();
    await client.get('/login?value=ada');
    const thief = client.twin();
    const held = thief.get('/hold?name=cart&value=1&signal=stolen');
    await client.get('/arrived?signal=stolen');
    minimum = 2;
    await client.get('/fire?signal=stolen');
    expect((await held).status).toBe(200);
    expect(await all(thief)).toEqual({});
  });

  test('who raises it and then takes a fresh id stays, alone', async () => {
    let minimum = 1;
    await using app = await run({ strategy: 'stateless', secret, user, minimumVersion: () => minimum });
    const client = app.client();
    await client.get('/login?value=ada');
    const before = client.twin();
    const raised = client.get('/raise?name=password&value=new&signal=raised');
    await client.get('/arrived?signal=raised');
    minimum = 2;
    await client.get('/fire?signal=raised');
    expect((await raised).status).toBe(200);
    expect(await all(client)).toEqual({ user: 'ada', password: 'new' });
    expect(await all(before)).toEqual({});
  });
});
