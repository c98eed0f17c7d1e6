/**
 * A sign-out at one node while the store is away: the server knows that the session is over, and so does each node that sends it a request of
 * it. The store's return brings nothing back, and then a client can sign in again at once, at each node.
 */
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Customer, startLibraryShop, startLibraryShops } from '../support/library-shop.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf } from '../support/shop.ts';

const keys = ['6b'.repeat(32)];
const pending = async (limpet: Limpet) => (await limpet.counters()).endings_pending;

describe.each(runtimes)('two nodes on %s', { timeout: 120_000 }, (runtime) => {
  test.for(['fail', 'degrade'] as const)('a sign-out without the store (%s)', async (whenStoreFails, context) => {
    needProgram(context, 'redis');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-signout-'));
    await using redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder.path);
    await using servers = await startLibraryShops('a', 'b');
    const sessions = { store: redis.url, whenStoreFails, timeout: '2s' };
    const config = { pools: { shop: { servers: poolOf(servers) } }, keys, sessions };
    await using one = await startLimpet(runtime, { config });
    await using two = await startLimpet(runtime, { config });
    const customers = [new Customer(one.url), new Customer(one.url)] as const;
    const olds: Customer[] = [];
    for (const customer of customers) {
      await customer.visit('/sign-in?user=ann');
      await customer.twin(two.url).visit();
      olds.push(customer.twin(two.url));
    }
    await redis.kill();

    for (const customer of customers) expect(await customer.tries('/sign-out')).toBe('503 session-ending');
    // One of them is used at the other node meanwhile, where it is over as well. The second one only after the store is back.
    for (const path of ['/read', '/', '/read']) expect(await olds[0]!.tries(path)).toBe('503 session-ending');
    expect([await pending(one), await pending(two)]).toEqual([2, 1]);

    await redis.start();
    // Whichever of the two nodes is first at the store.
    await until('the other node gets through', async () => (await olds[1]!.tries('/read')) === '200');
    for (const limpet of [one, two]) await until('the store has the ends', async () => (await pending(limpet)) === 0);
    for (const client of [...olds, ...customers]) {
      const stolen = client.twin(two.url);
      expect(await client.visit('/read')).toMatchObject({ user: null, count: 0 });
      expect(await client.visit('/sign-in?user=bob')).toMatchObject({ user: 'bob' });
      expect(await stolen.visit('/read')).toMatchObject({ user: null, count: 0 });
    }
  });

  test('a sign-out without the store, and its server dies: the other node is told as soon as the end is stored', async (context) => {
    needProgram(context, 'redis');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-signout-'));
    await using redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder.path);
    await using servers = await startLibraryShops('a', 'b');
    const sessions = { timeout: '2s' };
    const fleet = { store: redis.url };
    const config = { pools: { shop: { servers: poolOf(servers) } }, keys, sessions, fleet };
    await using one = await startLimpet(runtime, { config });
    await using two = await startLimpet(runtime, { config });
    const customer = new Customer(one.url);
    const { server } = await customer.visit('/sign-in?user=ann');
    const old = customer.twin(two.url);
    await old.visit();
    await redis.kill();
    expect(await customer.tries('/sign-out')).toBe('503 session-ending');
    // Nobody but the first node knows of it from here on.
    const owner = servers.find(({ name }) => name === server)!;
    await owner.kill();
    await using _ = await startLibraryShop(owner.name, owner.port);
    expect(await old.tries('/read')).toMatch(/^503 session-/);
    await redis.start();
    await until('the store has the end', async () => (await pending(one)) === 0);
    await until('the other node knows', async () => (await old.tries('/read')) === '200');
    await until('nobody is signed in', async () => (await old.visit('/read')).user === null);
    expect(await old.visit('/sign-in?user=bob')).toMatchObject({ user: 'bob' });
    expect(await customer.visit('/read')).toMatchObject({ user: null, count: 0 });
  });
});
