/** Copies in lmdb outlive the balancer: an orderly restart, and kill -9. */
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { ask } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

describe.each(runtimes)('copies in lmdb on %s', (runtime) => {
  test.each(['SIGTERM', 'SIGKILL'] as const)('outlive a balancer that ends by %s', async (signal) => {
    await using servers = await startShops('a', 'b');
    await using state = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const config = {
      pools: { shop: { servers: poolOf(servers) } },
      sessions: { store: `lmdb:${join(state.path, 'copies')}` },
      workers: 2,
    };
    const env = { LIMPET_STATE: join(state.path, 'state') };
    await using first = await startLimpet(runtime, { config, env });
    const shopper = new Shopper(first.url);
    const { server, id } = await shopper.count();
    await shopper.count();
    await first.stop(signal);

    await using second = await startLimpet(runtime, { config, env });
    const again = new Shopper(second.url);
    for (const [name, value] of shopper.cookies) again.cookies.set(name, value);
    expect(await again.count()).toMatchObject({ server, id, epoch: 1, count: 3 });
    // Its server dies, too: only the copy from before the restart, and the one after it, can tell.
    await servers.find(({ name }) => name === server)!.kill('SIGKILL');
    expect(await again.count()).toMatchObject({ id, epoch: 2, reason: 'rebind', restored: true, count: 4 });
  });

  // Found by test/chaos: the table's file was older than the store, and nobody asked the store.
  test('a session that has moved and ended since the table was saved stays ended after kill -9', async () => {
    await using servers = await startShops('a', 'b');
    await using state = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const config = {
      pools: { shop: { servers: poolOf(servers) } },
      sessions: { store: `lmdb:${join(state.path, 'copies')}` },
    };
    const env = { LIMPET_STATE: join(state.path, 'state') };
    await using first = await startLimpet(runtime, { config, env });
    const begun = new Shopper(first.url);
    const { server } = await begun.count();
    await first.stop('SIGTERM');

    const withCookies = (url: string) => {
      const shopper = new Shopper(url);
      for (const [name, value] of begun.cookies) shopper.cookies.set(name, value);
      return shopper;
    };
    await using second = await startLimpet(runtime, { config, env });
    const socketPath = join(state.path, 'state', 'admin.sock');
    await ask(`http://admin/servers/shop/${server}/drain`, { method: 'POST', socketPath });
    const shopper = withCookies(second.url);
    expect(await shopper.count()).toMatchObject({ epoch: 2, reason: 'move', count: 2 });
    await shopper.count('/delete');
    await second.stop('SIGKILL');

    await using third = await startLimpet(runtime, { config, env });
    expect(await withCookies(third.url).count('/read')).toMatchObject({ reason: 'new', count: 0 });
  });

  test('a session of a server that died while there was no balancer goes on', async () => {
    await using servers = await startShops('a', 'b');
    await using state = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const config = {
      pools: { shop: { servers: poolOf(servers) } },
      sessions: { store: `lmdb:${join(state.path, 'copies')}` },
    };
    const env = { LIMPET_STATE: join(state.path, 'state') };
    await using first = await startLimpet(runtime, { config, env });
    const shopper = new Shopper(first.url);
    const { server, id } = await shopper.count();
    await first.stop('SIGKILL');
    await servers.find(({ name }) => name === server)!.kill('SIGKILL');
    await using second = await startLimpet(runtime, { config, env });
    const again = new Shopper(second.url);
    for (const [name, value] of shopper.cookies) again.cookies.set(name, value);
    expect(await again.count()).toMatchObject({ id, epoch: 2, restored: true, count: 2 });
  });
});
