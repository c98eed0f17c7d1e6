/**
 * A Redis of several servers: Sentinel makes a replica the master, and what Redis itself may lose by that is told apart from what it must not; a
 * cluster moves the slot of a pool while its sessions are used.
 */
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { gateBefore } from '../support/gate.ts';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

/** Whether the replica has all that the master has acknowledged. */
async function isInStep(master: Redis): Promise<boolean> {
  return (await master.wait(1, 100)) === 1;
}

describe.each(runtimes)('Sentinel, on %s', { timeout: 90_000 }, (runtime) => {
  test('a replica becomes the master: what it had is kept; what only the former one had is lost, and is told', async (context) => {
    needProgram(context, 'redis');
    await using former = await RedisServer.start();
    // Replication goes through a gate, which a test can close.
    await using gate = await gateBefore({ name: 'master', port: former.port });
    const [, gatePort = ''] = gate.address.split(':');
    const replication = ['--replicaof', host, gatePort, '--replica-announce-ip', host];
    await using _ = await RedisServer.start(...replication);
    const master = new Redis(former.url);
    await until('the replica is in step', () => isInStep(master));
    await using sentinel = await RedisServer.startSentinel('shop', former.port);
    const watching = new Redis(sentinel.url);
    await until('the Sentinel knows the replica', async () => {
      const found = (await watching.call('SENTINEL', 'REPLICAS', 'shop')) as string[][];
      return found.some((fields) => fields.includes('slave') && fields.includes('ok'));
    });
    watching.disconnect();
    await using servers = await startShops('a', 'b');
    const store = `redis+sentinel://${host}:${sentinel.port}/shop`;
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: { store, timeout: '1s' } };
    await using limpet = await startLimpet(runtime, { config });
    const shoppers = Array.from({ length: 8 }, () => new Shopper(limpet.url));
    const homes = new Map<Shopper, string>();
    for (const shopper of shoppers) homes.set(shopper, (await shopper.count()).server);
    await until('the replica is in step', () => isInStep(master));
    // From here on the master alone has what it acknowledges.
    await gate.set('swallow');
    const [late] = shoppers.filter((shopper) => homes.get(shopper) === 'a');
    expect(await late!.count()).toMatchObject({ count: 2 });
    master.disconnect();
    await former.kill();
    await until('the replica is the master', async () => (await new Shopper(limpet.url).ask('/')).status === 200);

    await servers[0]!.kill();
    for (const shopper of shoppers) {
      expect(await shopper.count('/read')).toMatchObject({ server: 'b', count: 1 });
    }
    // The one change that was acknowledged and is gone.
    expect((await limpet.counters()).copies_lost).toBe(1);
  });
});

describe.each(runtimes)('a cluster, on %s', { timeout: 90_000 }, (runtime) => {
  test('moves the slot of a pool to another primary and back under load: nothing is lost', async (context) => {
    needProgram(context, 'redis');
    await using cluster = await RedisCluster.start();
    await using servers = await startShops('a', 'b');
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: { store: cluster.url, timeout: '2s' } };
    await using limpet = await startLimpet(runtime, { config });
    const shoppers = Array.from({ length: 24 }, () => new Shopper(limpet.url));
    const acknowledged = new Map<Shopper, number>();
    const state = { isOver: false, answered: 0 };
    const shopping = shoppers.map(async (shopper) => {
      while (!state.isOver) {
        const { status, body } = await shopper.ask('/');
        expect([200, 503]).toContain(status);
        if (status !== 200) continue;
        const { count } = JSON.parse(body) as { count: number };
        expect(count).toBeGreaterThan(acknowledged.get(shopper) ?? 0);
        acknowledged.set(shopper, count);
        state.answered++;
      }
    });
    await until('all are there', () => acknowledged.size === shoppers.length);
    const slot = await cluster.slotOf('shop');
    const home = await cluster.ownerOf(slot);
    for (const [from, to] of [
      [home, (home + 1) % 3],
      [(home + 1) % 3, home],
    ] as const) {
      const before = state.answered;
      await cluster.moveSlot(slot, from, to);
      await until('it goes on', () => state.answered > before + shoppers.length);
    }
    state.isOver = true;
    await Promise.all(shopping);
    // What the servers have in memory does not count.
    await servers[0]!.kill();
    for (const shopper of shoppers) {
      const { count } = await shopper.count('/read');
      expect(count).toBeGreaterThanOrEqual(acknowledged.get(shopper)!);
    }
    expect(await limpet.counters()).toMatchObject({ copies_lost: 0, copies_fenced: 0 });
  });
});
