/** A full memory store: a flood of clients that never come back displaces itself, and nobody who came back. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

/** `memory:64kb` holds fewer sessions than this. */
const flood = 200;

describe.each(runtimes)('a full memory store on %s', (runtime) => {
  test('takes new sessions, keeps those that came back, and one that it forgot begins anew', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: { workers: 1, pools: { shop: { servers: poolOf(servers) } }, sessions: { store: 'memory:64kb' } },
    });
    const newShopper = () => new Shopper(limpet.url);
    // One whose return the store hears of, one whose return only the table has seen, and one that never came back.
    const [writer, reader, stray] = [newShopper(), newShopper(), newShopper()];
    for (const shopper of [writer, reader, stray]) await shopper.count();
    await writer.count();
    await reader.count('/read');
    for (let n = 0; n < flood; n++) expect(await newShopper().count()).toMatchObject({ count: 1 });
    const counters = await limpet.counters();
    expect(counters).toMatchObject({ copies_failed: 0, copies_stored: flood + 4 });
    expect(counters.copies_evicted).toBeGreaterThan(flood / 2);
    expect(limpet.stderr().match(/the memory store is full/g)).toHaveLength(1);

    // Its server lives: nothing is lost, and what it changes is kept again.
    expect(await stray.count()).toMatchObject({ count: 2 });
    for (let n = 0; n < flood; n++) await newShopper().count();
    const home = new Map<Shopper, string>();
    for (const shopper of [writer, reader, stray]) home.set(shopper, (await shopper.count('/read')).server);
    const [first] = servers;
    await first!.kill('SIGKILL');
    for (const [shopper, count] of [
      [writer, 2],
      [reader, 1],
      [stray, 2],
    ] as const) {
      const restored = home.get(shopper) === first!.name;
      expect(await shopper.count('/read')).toMatchObject({ server: servers[1]!.name, count, restored });
    }
  }, 60_000);

  test('one that it forgot, and whose server died too, begins anew: no error', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, {
      config: { workers: 1, pools: { shop: { servers: poolOf(servers) } }, sessions: { store: 'memory:64kb' } },
    });
    const stray = new Shopper(limpet.url);
    const { server } = await stray.count();
    for (let n = 0; n < flood; n++) await new Shopper(limpet.url).count();
    expect((await limpet.counters()).copies_evicted).toBeGreaterThan(flood / 2);
    await servers.find(({ name }) => name === server)!.kill('SIGKILL');
    expect(await stray.count()).toMatchObject({ count: 1 });
    expect(await stray.count()).toMatchObject({ count: 2 });
  }, 60_000);
});
