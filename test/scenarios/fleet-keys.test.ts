/** Balancers of one fleet know the same sessions by the same names and keys, also one that starts while their store is away. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, together, until, Visitor } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';

function stateFolder(): { readonly LIMPET_STATE: string } {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { LIMPET_STATE: folder };
}

const names = ['a', 'b', 'c', 'd'];

describe.each(runtimes)('keys of a fleet on %s', (runtime) => {
  test('two nodes with folders of their own know the same sessions', async (context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    context.onTestFinished(() => redis.kill());
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const affinity = [{ header: 'X-Tenant' }, 'cookie'];
    const config = { ...configFor(origins, { affinity }), fleet: { store: redis.url, timeout: '1s' } };
    const envs = [stateFolder(), stateFolder()];
    await using nodes = await together(envs.map((env) => startLimpet(runtime, { config, env })));
    const urls = nodes.map(({ url }) => url);
    for (let i = 0; i < 16; i++) {
      const visitor = new Visitor(urls[i % 2]!);
      const home = echoOf(await visitor.ask()).server;
      const there = new Visitor(urls[(i + 1) % 2]!);
      for (const [name, value] of visitor.cookies) there.cookies.set(name, value);
      const reply = await there.ask();
      expect([echoOf(reply).server, reply.setCookies]).toEqual([home, []]);
    }
    const ownersAt = (url: string) =>
      Promise.all(
        Array.from(
          { length: 24 },
          async (_, i) => echoOf(await ask(url, { headers: { 'x-tenant': `tenant-${i}` } })).server,
        ),
      );
    const owners = await ownersAt(urls[0]!);
    expect(new Set(owners).size).toBeGreaterThan(1);
    expect(await ownersAt(urls[1]!)).toEqual(owners);
    expect(statSync(join(envs[1]!.LIMPET_STATE, 'fleet.key')).mode & 0o777).toBe(0o600);
  });

  test('two nodes with other token keys know the same owners of names, and place by hash alike', async (context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    context.onTestFinished(() => redis.kill());
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const pool = { affinity: [{ header: 'X-Tenant' }, 'source-ip'] };
    const shared = configFor(origins, pool, { trustedProxies: ['127.0.0.0/8'] });
    const config = { ...shared, fleet: { store: redis.url, timeout: '1s' } };
    await using one = await startLimpet(runtime, { config: { ...config, keys: ['6b'.repeat(32)] } });
    await using two = await startLimpet(runtime, { config });
    const ownersAt = (url: string) =>
      Promise.all(
        Array.from({ length: 48 }, async (_, i) => {
          const headers = i % 2 === 0 ? { 'x-tenant': `tenant-${i}` } : { 'x-forwarded-for': `198.51.100.${i}` };
          return echoOf(await ask(url, { headers })).server;
        }),
      );
    const owners = await ownersAt(one.url);
    expect(new Set(owners).size).toBeGreaterThan(1);
    expect(await ownersAt(two.url)).toEqual(owners);
  });

  test('a node restarts while the store is away, and a new one does not start', async (context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    context.onTestFinished(() => redis.kill());
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const config = { ...configFor(origins), fleet: { store: redis.url, timeout: '1s' } };
    const env = stateFolder();
    await using one = await startLimpet(runtime, { config });
    const visitor = new Visitor(one.url);
    const home = echoOf(await visitor.ask()).server;
    {
      await using two = await startLimpet(runtime, { config, env });
      expect(await two.stop()).toEqual({ code: 0, signal: null });
    }
    await redis.kill();
    await using two = await startLimpet(runtime, { config, env });
    expect(two.stderr()).toMatch(/warn limpet: fleet\.store does not answer \(redis: .*ECONNREFUSED.*fleet\.key/);
    const there = new Visitor(two.url);
    for (const [name, value] of visitor.cookies) there.cookies.set(name, value);
    const reply = await there.ask();
    expect([echoOf(reply).server, reply.setCookies]).toEqual([home, []]);
    await expect(startLimpet(runtime, { config })).rejects.toThrow(
      /error limpet: fleet\.store does not answer \(redis: .*ECONNREFUSED.*fleet\.key, the copy of the keys of the fleet, is not there/,
    );
  });

  test('a store that was emptied has the same keys again, also for a node that never had them', async (context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    context.onTestFinished(() => redis.kill());
    await using origins = await together(names.map((name) => httpOrigin(name)));
    const config = { ...configFor(origins), fleet: { store: redis.url, timeout: '2s' } };
    const env = stateFolder();
    await using one = await startLimpet(runtime, { config, env });
    const visitor = new Visitor(one.url);
    const home = echoOf(await visitor.ask()).server;
    await redis.kill();
    const socketPath = join(env.LIMPET_STATE, 'admin.sock');
    const isConnected = async () => {
      const { body } = await ask('http://admin/v1/fleet', { socketPath });
      return (JSON.parse(body) as { connected: boolean }).connected;
    };
    await until('it is cut off', async () => !(await isConnected()));
    await redis.start();
    await until('it is back', isConnected);
    await using two = await startLimpet(runtime, { config });
    const there = new Visitor(two.url);
    for (const [name, value] of visitor.cookies) there.cookies.set(name, value);
    const reply = await there.ask();
    expect([echoOf(reply).server, reply.setCookies]).toEqual([home, []]);
  });
});
