/**
 * A copy that the store took and has no more (an evicted key): the client is told once, and begins anew with its next request; it is
 * never given an empty session in silence. And a new id that the store could not take: no success, and the store says what it is now.
 */
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShop, startShops } from '../support/shop.ts';

describe.each(runtimes)('copies in Redis on %s', { timeout: 60_000 }, (runtime) => {
  test('that are lost: their owner is started anew, or dies', async (context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    const admin = new Redis(redis.url);
    try {
      await using a = await startShop('a');
      await using b = await startShop('b');
      const servers = { a, b };
      const config = { pools: { shop: { servers: poolOf([a, b]) } }, sessions: { store: redis.url }, workers: 2 };
      await using limpet = await startLimpet(runtime, { config });
      const [first, second] = [new Shopper(limpet.url), new Shopper(limpet.url)];
      const { server } = await first.count();
      while ((await second.count()).server !== server) second.cookies.clear();
      await first.count();
      const keys = await admin.keys('limpet:{*');
      await admin.del(...keys);

      const owner = servers[server as 'a' | 'b'];
      await owner.kill('SIGKILL');
      await using again = await startShop(server, Number(owner.address.split(':')[1]));
      // Until the balancer has seen that it is back, it is the other one that would get it.
      expect((await first.ask('/')).status).toBe(503);
      const anew = await first.count();
      expect([anew.count, anew.server]).toEqual([1, server]);
      expect(await first.count()).toMatchObject({ count: 2 });

      await again.kill('SIGKILL');
      const lost = await second.ask('/');
      expect([lost.status, lost.headers['limpet-reason']]).toEqual([503, 'session-lost']);
      const moved = await second.count();
      expect(moved.count).toBe(1);
      expect(moved.epoch).toBeGreaterThan(1);
      expect(moved.server).not.toBe(server);
      expect((await limpet.counters()).copies_lost).toBeGreaterThanOrEqual(2);
    } finally {
      admin.disconnect();
      await redis.kill();
    }
  });

  test.for(['fail', 'degrade'])(
    'a new id while the store is away (%s) is no success',
    async (whenStoreFails, context) => {
      needProgram(context, 'redis');
      await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-rotate-'));
      const redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder.path);
      try {
        await using servers = await startShops('a', 'b');
        const sessions = { store: redis.url, whenStoreFails, timeout: '2s' };
        const config = { pools: { shop: { servers: poolOf(servers) } }, sessions };
        await using limpet = await startLimpet(runtime, { config });
        const shopper = new Shopper(limpet.url);
        const { id } = await shopper.count();
        await redis.kill();
        const { status, headers } = await shopper.ask('/rotate');
        expect([status, headers['limpet-reason']]).toEqual([503, 'session-store']);
        await redis.start();
        await until('the store answers', async () => (await shopper.ask('/read')).status === 200);
        // It was not done: the session is what it was before, under its id.
        expect(await shopper.count('/read')).toMatchObject({ id, count: 1 });
        const rotated = await shopper.count('/rotate');
        expect(rotated.count).toBe(2);
        const after = await shopper.count('/read');
        expect(after.count).toBe(2);
        expect(after.id).not.toBe(id);
      } finally {
        await redis.kill();
      }
    },
  );
});
