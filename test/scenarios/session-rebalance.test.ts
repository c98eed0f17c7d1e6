/** A server is added under its pool's sessions: with `rebalance` the idle ones move to it with their next requests. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

describe.each(runtimes)('a scale-out on %s', (runtime) => {
  test('moves sessions until the skew is within its bound, and loses none', { timeout: 60_000 }, async () => {
    await using servers = await startShops('a', 'b', 'c');
    const listeners = [{ address: '127.0.0.1:0' }];
    const configOf = (count: number, rebalance: object) => ({
      listeners,
      pools: { shop: { servers: poolOf(servers.slice(0, count)), rebalance } },
      sessions: {},
      workers: 2,
    });
    await using limpet = await startLimpet(runtime, { config: configOf(2, {}) });
    const shoppers = Array.from({ length: 30 }, () => new Shopper(limpet.url));
    for (const shopper of shoppers) await shopper.count();
    await limpet.reload(configOf(3, {}));
    for (const shopper of shoppers) expect(await shopper.count()).toMatchObject({ count: 2, epoch: 1 });
    expect((await limpet.sessions())['shop/c']).toBe(0);

    await limpet.reload(configOf(3, { skew: 1.3, rate: 1000 }));
    for (const shopper of shoppers) expect(await shopper.count()).toMatchObject({ count: 3 });
    const sessions = await limpet.sessions();
    expect(Object.values(sessions).reduce((sum, one) => sum + one, 0)).toBe(30);
    // 10 to each would be fair.
    for (const count of [sessions['shop/a']!, sessions['shop/b']!]) expect(count).toBeLessThanOrEqual(13);
    expect(sessions['shop/c']).toBeGreaterThan(0);
    const { sessions_moved, claims } = await limpet.counters();
    expect([sessions_moved, claims]).toEqual([sessions['shop/c'], sessions['shop/c']]);
    for (const shopper of shoppers) expect(await shopper.count()).toMatchObject({ count: 4 });
  });
});
