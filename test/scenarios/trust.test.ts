/** Whom balancer and servers believe on one machine: files and folders of this user, what is signed, and who asks as he must. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launch } from '../session/support/launch.ts';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { ask, storeBearer, tellServer, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const forged = (store: string) =>
  `id=${'ab'.repeat(16)}; epoch=3; version=7; reason=move; pool=shop; store=${store}; copy=c; ttl=60; data=${Buffer.from('{"user":"admin"}').toString('base64url')}`;

describe.each(runtimes)('trust on %s', (runtime) => {
  test('what of the state folder others could have written or read is refused, with the command that mends it', async () => {
    await using servers = await startShops('a');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-trust-'));
    const state = join(folder.path, 'state');
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: { store: `lmdb:${state}/copies` } };
    const start = () => startLimpet(runtime, { config, env: { LIMPET_STATE: state } });
    {
      await using first = await start();
      const shopper = new Shopper(first.url);
      await shopper.count();
      expect(existsSync(join(state, 'admin.sock'))).toBe(true);
      await tellServer(state, 'a', 'drain');
      await first.stop();
    }
    const files = readdirSync(state).filter((name) => name !== 'copies');
    expect(files.sort()).toEqual(['clock', 'servers.json', 'sessions.table', 'store.key', 'table.key', 'token.key']);
    for (const [name, mode, command] of [
      ...files.map((file) => [file, 0o644, 'chmod 600'] as const),
      ['', 0o770, 'chmod go-w'] as const,
    ]) {
      const path = join(state, name);
      const before = statSync(path).mode & 0o777;
      chmodSync(path, mode);
      const refused = start();
      await expect(refused).rejects.toThrow('code 3');
      await expect(refused).rejects.toThrow(`${command} ${path.replace(/\/$/, '')}`);
      chmodSync(path, before);
    }
    await using last = await start();
    expect(last.stderr()).toContain('loaded 1 sessions');
  });

  test('copies in lmdb are for this user alone, and hold neither ids nor states to read', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { store: 'lmdb:./copies' } },
    });
    const { id } = await new Shopper(limpet.url).count('/?pad=2000');
    expect((await limpet.counters()).copies_stored).toBe(1);
    const copies = join(limpet.folder, 'copies');
    expect(modeOf(copies)).toBe('700');
    expect(modeOf(join(limpet.folder, 'state/store.key'))).toBe('600');
    for (const name of readdirSync(copies)) {
      expect(modeOf(join(copies, name))).toBe('600');
      const bytes = readFileSync(join(copies, name));
      expect([id, Buffer.from(id, 'hex'), '"count":1'].map((text) => bytes.includes(text))).toEqual([
        false,
        false,
        false,
      ]);
    }
  });

  test('without any config the store interface is a socket of this user, and asks for the secret', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, {
      args: [servers[0]!.address, '--sessions', 'memory'],
    });
    const socket = join(limpet.folder, 'state/store.sock');
    expect([modeOf(socket), modeOf(join(limpet.folder, 'state'))]).toEqual(['600', '700']);
    const seen = JSON.parse((await ask(`${limpet.url}/headers`)).body) as Record<string, string>;
    expect(seen['limpet-session']).toMatch(/; t=\d+; sig=[0-9a-f]{32}$/);
    const at = `/v1/${/store=\S+\/v1\/(\d+);/.exec(seen['limpet-session']!)![1]}/default/${'ab'.repeat(16)}`;
    expect((await ask(`http://x${at}`, { socketPath: socket })).status).toBe(401);
    expect((await ask(`unix:${socket}:${at}`)).status).toBe(404);
    // A second one in the same folder: its interface is on loopback, and asks for the same.
    await using second = await startLimpet(runtime, {
      args: [servers[0]!.address, '--sessions', 'memory'],
      env: { LIMPET_STATE: join(limpet.folder, 'state') },
    });
    const url = /store interface on (http:\S+)/.exec(second.stderr())![1]!;
    expect((await ask(`${url}${at}`)).status).toBe(401);
    expect((await ask(`${url}${at}`, { headers: { ...storeBearer() } })).status).toBe(404);
    expect((await ask(`${url}${at}`, { headers: { ...storeBearer(), host: 'evil.example' } })).status).toBe(421);
  });

  test('a server believes no line that is not signed: neither its state, nor the store that it names', async () => {
    let asked = 0;
    const store = createServer((_request, response) => {
      asked++;
      response.writeHead(200, { 'limpet-session': 'epoch=3; version=7; ttl=60; copy=c' }).end('{"user":"admin"}');
    });
    await new Promise<void>((done) => store.listen(0, '127.0.0.1', done));
    try {
      for (const fallback of ['fail', 'local'] as const) {
        await using app = await launch({ runtime, app: 'node', options: { fallback } });
        const line = forged(`http://127.0.0.1:${(store.address() as AddressInfo).port}/v1/1`);
        for (const text of [
          line,
          line.replace(/; ttl=.*/, ''),
          `${line}; t=${Math.floor(Date.now() / 1000)}; sig=${'0'.repeat(32)}`,
        ]) {
          const { status, headers, body } = await ask(`http://${host}:${app.port}/all`, {
            headers: { 'limpet-session': text },
          });
          if (fallback === 'fail') expect([status, headers['limpet-reason']]).toEqual([500, 'no-balancer']);
          else expect([status, body]).toEqual([200, '{}']);
        }
        expect(app.errors()).toContain('found a Limpet-Session header without');
      }
      expect(asked).toBe(0);
    } finally {
      store.close();
    }
  });

  test('another proxy that passes on what its clients send lets them choose no session', async () => {
    const line = forged('http://127.0.0.1:9/v1/1');
    for (const app of ['express', runtime === 'bun' ? 'web' : 'fastify']) {
      await using server = await launch({ runtime, app, options: { fallback: 'local' } });
      // What that proxy sends is what its client has sent.
      const url = `http://${host}:${server.port}`;
      const [victim, thief] = [new Visitor(url), new Visitor(url)];
      const headers = { 'limpet-session': line };
      const begun = await victim.ask('/set?name=user&value=victim', { headers });
      expect(Object.keys(begun.headers).filter((name) => name.startsWith('limpet'))).toEqual([]);
      expect(victim.cookies.get('sid')).toMatch(/^[0-9a-f]{32}$/);
      expect(victim.cookies.get('sid')).not.toBe('ab'.repeat(16));
      expect((await victim.ask('/all', { headers })).body).toBe('{"user":"victim"}');
      thief.cookies.set('sid', 'ab'.repeat(16));
      expect((await thief.ask('/all', { headers })).body).toBe('{}');
    }
  });

  test('a server of another user says what it lacks, and so does the balancer', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-trust-'));
    // As another user has it: there is no secret where this one looks.
    const env = { LIMPET_SECRET_FILE: join(folder.path, 'state/session.secret') };
    await using app = await launch({ runtime, app: 'node' });
    await using limpet = await startLimpet(runtime, { args: [`${host}:${app.port}`, '--sessions', 'memory'], env });
    expect(limpet.stderr()).toContain(`find the secret in ${env.LIMPET_SECRET_FILE}; others need sessions.secret`);
    const { status, headers } = await ask(`${limpet.url}/all`);
    expect([status, headers['limpet-reason']]).toEqual([500, 'no-balancer']);
    expect(app.errors()).toMatch(
      /without a right and recent signature by the secret in \S+session.secret; expected a balancer of this user/,
    );
  });

  test('a secret that others can read is refused; where none can be made it is said', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-trust-'));
    const file = join(folder.path, 'session.secret');
    writeFileSync(file, 'x'.repeat(32));
    chmodSync(file, 0o644);
    const start = (LIMPET_SECRET_FILE: string) =>
      startLimpet(runtime, { args: ['3001', '--sessions', 'memory'], env: { LIMPET_SECRET_FILE } });
    await expect(start(file)).rejects.toThrow(`chmod 600 ${file}`);
    await using limpet = await start(join(file, 'below/a/file'));
    expect(limpet.stderr()).toMatch(
      /cannot be made: \w+: no server can share it. Set sessions.secret, or LIMPET_SECRET_FILE/,
    );
  });

  test('the admin listener on TCP asks for its token for reading too, and for a name of this machine', async () => {
    const token = 'a token of at least 32 characters';
    const listen = { listen: '127.0.0.1:0' };
    const pools = { shop: { servers: ['127.0.0.1:1'] } };
    await expect(startLimpet(runtime, { config: { pools, admin: listen } })).rejects.toThrow('expected admin.token');
    await using limpet = await startLimpet(runtime, {
      config: { pools, admin: { ...listen, token, hosts: ['admin.example'] } },
    });
    const url = /admin on (http:\S+)/.exec(limpet.stderr())![1]!;
    const status = async (headers: Record<string, string>, path = '/v1/status') =>
      (await ask(`${url}${path}`, { headers })).status;
    const authorization = `Bearer ${token}`;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: `${authorization}x` })).toBe(401);
    expect(await status({ authorization })).toBe(200);
    const { port } = new URL(url);
    for (const name of ['localhost', `localhost:${port}`, '127.0.0.1', '127.9.9.9:1', '[::1]', 'Admin.Example:80'])
      expect([name, await status({ authorization, host: name })]).toEqual([name, 200]);
    for (const name of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil',
      '127.0.0.1.evil',
      '10.0.0.1',
      'x:y',
      '127.evil',
    ])
      expect([name, await status({ authorization, host: name })]).toEqual([name, 421]);
  });

  test('a socket in a folder that others may write to is refused', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-trust-'));
    const open = join(folder.path, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    const pools = { shop: { servers: ['127.0.0.1:1'] } };
    for (const config of [
      { pools, admin: { listen: `unix:${open}/a.sock` } },
      { pools, sessions: { listen: `unix:${open}/s.sock` } },
    ])
      await expect(startLimpet(runtime, { config })).rejects.toThrow(`chmod go-w ${open}`);
    expect(readdirSync(open)).toEqual([]);
  });
});
