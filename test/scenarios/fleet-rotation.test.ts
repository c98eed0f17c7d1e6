/**
 * A session gets a new id at one node, as at a login. Requests that still have the old one, at any node, read an empty session, and begin none: its
 * cookie would replace the one that the client has got with the login, and the client would be signed out.
 */
import { describe, expect, test } from 'vitest';
import { Customer, startLibraryShops } from '../support/library-shop.ts';
import { startLimpet } from '../support/limpet.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf } from '../support/shop.ts';

const keys = ['6b'.repeat(32)];

describe.each(runtimes)('three nodes on %s', { timeout: 90_000 }, (runtime) => {
  test.for(['a fleet', 'a shared store'] as const)('%s', async (kind, context) => {
    needProgram(context, 'redis');
    await using store = await RedisServer.start();
    await using servers = await startLibraryShops('a', 'b');
    const { url } = store;
    const stores = kind === 'a fleet' ? { sessions: {}, fleet: { store: url } } : { sessions: { store: url } };
    const config = { pools: { shop: { servers: poolOf(servers) } }, keys, ...stores };
    await using one = await startLimpet(runtime, { config });
    await using two = await startLimpet(runtime, { config });
    await using three = await startLimpet(runtime, { config });
    const others = [two, three];
    // With and without the session in the tables of the other nodes.
    for (const isKnown of [true, false]) {
      for (const first of ['/', '/read']) {
        const customer = new Customer(one.url);
        await customer.visit();
        if (isKnown) for (const node of others) await customer.twin(node.url).visit('/read');
        const stale = others.map((node) => customer.twin(node.url));
        const signedIn = await customer.visit('/sign-in?user=ann');
        expect(signedIn).toMatchObject({ user: 'ann', count: 1 });
        for (const client of stale) {
          const before = [...client.cookies];
          if (first === '/read') expect(await client.visit('/read')).toMatchObject({ user: null, count: 0 });
          for (let n = 0; n < 3; n++) {
            expect(await client.tries('/')).toMatch(/^503 session-(?:ended|fenced)$/);
            expect([...client.cookies]).toEqual(before);
          }
        }
        for (const node of others) {
          expect(await customer.twin(node.url).visit('/read')).toMatchObject({ user: 'ann', count: 1 });
        }
      }
    }
  });
});
