/**
 * A sign-out at one node, and then the old cookie at the others, which have seen the session before: it reads empty from the first request on, and its
 * client can sign in again there as at any other time. With nodes that share the store alone, and with those of a fleet, on a cluster.
 */
import { describe, expect, test } from 'vitest';
import { Customer, startLibraryShops } from '../support/library-shop.ts';
import { startLimpet } from '../support/limpet.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf } from '../support/shop.ts';

const keys = ['6b'.repeat(32)];

/** What a node that learns of the end by this very request says to a change, which cannot be kept: no success. */
const endedOnly = ['503 session-ended'];

const nodes = {
  'that share a store': {
    startStore: () => RedisServer.start(),
    config: (store: string) => ({ sessions: { store } }),
    toChange: endedOnly,
  },
  'of a fleet on a cluster': {
    startStore: () => RedisCluster.start(),
    config: (store: string) => ({ sessions: {}, fleet: { store } }),
    // They have been told, unless the message is on its way still.
    toChange: [...endedOnly, '200'],
  },
};

describe.each(runtimes)('three nodes on %s', { timeout: 120_000 }, (runtime) => {
  test.for(Object.keys(nodes) as (keyof typeof nodes)[])(
    '%s: a session that ended at one is over at all',
    async (name, context) => {
      needProgram(context, 'redis');
      const { startStore, config: configOf, toChange } = nodes[name];
      await using store = await startStore();
      await using servers = await startLibraryShops('a', 'b');
      const config = { pools: { shop: { servers: poolOf(servers) } }, keys, ...configOf(store.url) };
      await using one = await startLimpet(runtime, { config });
      await using two = await startLimpet(runtime, { config });
      await using three = await startLimpet(runtime, { config });
      const others = [two, three];
      // The first request with the old cookie reads, or signs in.
      for (const first of ['/read', '/sign-in?user=ann']) {
        const customer = new Customer(one.url);
        await customer.visit('/sign-in?user=ann');
        for (const { url } of others) expect(await customer.twin(url).visit()).toMatchObject({ user: 'ann' });
        const old = others.map(({ url }) => customer.twin(url));
        const stolen = others.map(({ url }) => customer.twin(url));
        await customer.visit('/sign-out');
        for (const [i, client] of old.entries()) {
          if (first === '/read') expect(await client.visit('/read')).toMatchObject({ user: null, count: 0 });
          else expect(toChange).toContain(await client.tries(first));
          expect(await client.visit('/sign-in?user=bob')).toMatchObject({ user: 'bob' });
          expect(await client.visit()).toMatchObject({ user: 'bob', count: 1 });
          // Whoever has the old cookie still has nothing.
          expect(await stolen[i]!.visit('/read')).toMatchObject({ user: null, count: 0 });
        }
        expect(await customer.visit('/read')).toMatchObject({ user: null, count: 0 });
      }
    },
  );
});
