/** The copy cannot be kept (here: it is too large): no success by default, a marked one with `degrade`. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { samplesOf, scrape } from '../support/scrape.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

describe.each(runtimes)('a store that fails on %s', (runtime) => {
  const setup = (whenStoreFails: string, servers: Parameters<typeof poolOf>[0]) => ({
    config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { whenStoreFails, stateBytes: 64 } },
  });

  test('fail: the client gets no success', async () => {
    await using servers = await startShops('a');
    await using limpet = await startLimpet(runtime, setup('fail', servers));
    const shopper = new Shopper(limpet.url);
    await shopper.count();
    const { status, headers, body } = await shopper.ask('/?pad=100');
    expect([status, headers['limpet-reason'], headers['retry-after']]).toEqual([503, 'session-store', '2']);
    expect(body).not.toContain('count');
    expect(await limpet.counters()).toMatchObject({ copies_failed: 1, copies_stored: 1, copies_degraded: 0 });
  });

  test('degrade: it passes, is marked and counted, and the session stays where its only state is', async () => {
    await using servers = await startShops('a', 'b');
    await using limpet = await startLimpet(runtime, setup('degrade', servers));
    const shopper = new Shopper(limpet.url);
    const { server } = await shopper.count();
    const answer = await shopper.count('/?pad=100');
    expect(answer).toMatchObject({ server, count: 2 });
    expect(shopper.reply.headers['limpet-degraded']).toBe('session-store');
    expect(await limpet.counters()).toMatchObject({ copies_failed: 1, copies_degraded: 1 });
    const samples = samplesOf((await scrape(limpet)).body);
    expect(samples.get('limpet_store_errors_total{code="state-too-large",operation="put"}')).toBe(1);
    expect(samples.get('limpet_store_operation_duration_seconds_count{operation="put"}')).toBe(2);
    expect(await shopper.count()).toMatchObject({ server, count: 3 });
    expect(shopper.reply.headers['limpet-degraded']).toBeUndefined();
  });

  test('async: the client does not wait; none: nothing is copied', { timeout: 30_000 }, async () => {
    for (const replication of ['async', 'none']) {
      await using servers = await startShops('a', 'b');
      await using limpet = await startLimpet(runtime, {
        config: { pools: { shop: { servers: poolOf(servers) } }, sessions: { replication } },
      });
      const shopper = new Shopper(limpet.url);
      const { server, id } = await shopper.count();
      expect(await shopper.count()).toMatchObject({ server, id, count: 2, reason: 'held' });
      const copied = replication === 'async';
      // What is on its way to the store when its server is killed may arrive after the next owner has asked.
      if (copied) await until('both copies are stored', async () => (await limpet.counters()).copies_stored! >= 2);
      await servers.find(({ name }) => name === server)!.kill('SIGKILL');
      const after = await shopper.count();
      expect(after).toMatchObject({ id, epoch: 2, reason: 'rebind', restored: copied, count: copied ? 3 : 1 });
      // The client did not wait for the last one.
      if (copied) await until('all copies are stored', async () => (await limpet.counters()).copies_stored! >= 3);
      const counters = await limpet.counters();
      expect([counters.copies_stored, counters.copies_dropped]).toEqual(copied ? [3, 0] : [0, 3]);
    }
  });
});
