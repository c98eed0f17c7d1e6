/** Copies in Redis, shared by two balancers; Redis goes away, and comes back empty; a cluster that is never ready. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

const keys = ['6b'.repeat(32)];

describe.each(runtimes)('copies in Redis on %s', (runtime) => {
  test('a session that began at one balancer goes on at another', async (context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    context.onTestFinished(() => redis.kill());
    await using servers = await startShops('a', 'b');
    const config = { pools: { shop: { servers: poolOf(servers) } }, keys, sessions: { store: redis.url } };
    await using one = await startLimpet(runtime, { config });
    await using two = await startLimpet(runtime, { config });
    const shopper = new Shopper(one.url);
    const { server, id } = await shopper.count();
    expect(await shopper.twin(two.url).count()).toMatchObject({ server, id, epoch: 1, count: 2 });
    await servers.find(({ name }) => name === server)!.kill('SIGKILL');
    const there = shopper.twin(two.url);
    const moved = await there.count();
    expect(moved).toMatchObject({ id, epoch: 2, restored: true, count: 3 });
    // The first one has not seen the move: the store knows.
    expect(await shopper.count()).toMatchObject({ server: moved.server, id, epoch: 2, count: 4 });
    // An old cookie that comes back is no older session.
    expect(await there.count()).toMatchObject({ server: moved.server, epoch: 2, count: 5 });
  });

  test.for(['fail', 'degrade'] as const)('Redis goes away (%s) and comes back', async (whenStoreFails, context) => {
    needProgram(context, 'redis');
    const redis = await RedisServer.start();
    try {
      await using servers = await startShops('a');
      const sessions = { store: redis.url, whenStoreFails, timeout: '2s' };
      const config = { pools: { shop: { servers: poolOf(servers) } }, sessions };
      await using limpet = await startLimpet(runtime, { config });
      const shopper = new Shopper(limpet.url);
      await shopper.count();
      await redis.kill();
      const { status, headers } = await shopper.ask('/');
      if (whenStoreFails === 'fail') expect([status, headers['limpet-reason']]).toEqual([503, 'session-store']);
      else expect([status, headers['limpet-degraded']]).toEqual([200, 'session-store']);
      // What changes nothing needs no store.
      expect((await shopper.ask('/read')).status).toBe(200);
      await redis.start();
      await until('copies are kept again', async () => {
        const reply = await shopper.ask('/');
        return reply.status === 200 && reply.headers['limpet-degraded'] === undefined;
      });
      expect((await limpet.counters()).copies_failed).toBeGreaterThan(0);
    } finally {
      await redis.kill();
    }
  });

  test('a cluster that is never ready ends the start, and says why', { timeout: 30_000 }, async (context) => {
    needProgram(context, 'redis');
    // Nobody has given its slots to anyone.
    const redis = await RedisServer.start('--cluster-enabled', 'yes');
    try {
      const sessions = { store: redis.url.replace('redis:', 'redis+cluster:'), timeout: '500ms' };
      const config = { pools: { shop: { servers: ['127.0.0.1:1'] } }, sessions };
      await expect(startLimpet(runtime, { config })).rejects.toThrow(
        /sessions\.store cannot be used: redis: not ready within 2000 ms: does each node announce an address/,
      );
    } finally {
      await redis.kill();
    }
  });
});
