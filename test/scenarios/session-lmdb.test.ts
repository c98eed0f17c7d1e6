/** Copies in lmdb outlive the balancer: an orderly restart, and kill -9. */
import { mkdtempDisposable, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { type ServerProcess, tellServer } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

/** A balancer whose state and copies are in that folder: another one there goes on with them. */
function startIn(runtime: Runtime, folder: string, servers: readonly ServerProcess[], more = {}) {
  const pools = { shop: { servers: poolOf(servers) } };
  const config = { pools, sessions: { store: `lmdb:${join(folder, 'copies')}` }, ...more };
  return startLimpet(runtime, { config, env: { LIMPET_STATE: folder } });
}

describe.each(runtimes)('copies in lmdb on %s', (runtime) => {
  test.each(['SIGTERM', 'SIGKILL'] as const)('outlive a balancer that ends by %s', async (signal) => {
    await using servers = await startShops('a', 'b');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const start = () => startIn(runtime, folder.path, servers, { workers: 2 });
    await using first = await start();
    const shopper = new Shopper(first.url);
    const { server, id } = await shopper.count();
    await shopper.count();
    await first.stop(signal);

    await using second = await start();
    const again = shopper.twin(second.url);
    expect(await again.count()).toMatchObject({ server, id, epoch: 1, count: 3 });
    // Its server dies, too: only the copy from before the restart, and the one after it, can tell.
    await servers.find(({ name }) => name === server)!.kill('SIGKILL');
    expect(await again.count()).toMatchObject({ id, epoch: 2, reason: 'rebind', restored: true, count: 4 });
  });

  // Found by test/chaos: the table's file was older than the store, and nobody asked the store.
  test('a session that has moved and ended since the table was saved stays ended after kill -9', async () => {
    await using servers = await startShops('a', 'b');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const start = () => startIn(runtime, folder.path, servers);
    await using first = await start();
    const begun = new Shopper(first.url);
    const { server } = await begun.count();
    await first.stop('SIGTERM');

    await using second = await start();
    await tellServer(folder.path, server, 'drain');
    const shopper = begun.twin(second.url);
    expect(await shopper.count()).toMatchObject({ epoch: 2, reason: 'move', count: 2 });
    await shopper.count('/delete');
    await second.stop('SIGKILL');

    await using third = await start();
    expect(await begun.twin(third.url).count('/read')).toMatchObject({ reason: 'new', count: 0 });
  });

  test('a session stays at its server after another token key, also when the table is lost', async () => {
    await using servers = await startShops('a', 'b', 'c');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const pools = { shop: { servers: poolOf(servers), affinity: [{ header: 'X-User' }] } };
    const start = (key: string) => startIn(runtime, folder.path, servers, { pools, keys: [key.repeat(32)] });
    const countAll = (url: string) =>
      Promise.all(
        Array.from({ length: 12 }, (_, n) => new Shopper(url).count('/', { headers: { 'x-user': `user-${n}` } })),
      );
    await using first = await start('a1');
    const begun = await countAll(first.url);
    await first.stop('SIGKILL');
    await rm(join(folder.path, 'sessions.table'), { force: true });
    await using second = await start('b2');
    const again = begun.map(({ server, id }) => expect.objectContaining({ server, id, epoch: 1, count: 2 }));
    expect(await countAll(second.url)).toEqual(again);
  });

  test('a session of a server that died while there was no balancer goes on', async () => {
    await using servers = await startShops('a', 'b');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-lmdb-'));
    const start = () => startIn(runtime, folder.path, servers);
    await using first = await start();
    const shopper = new Shopper(first.url);
    const { server, id } = await shopper.count();
    await first.stop('SIGKILL');
    await servers.find(({ name }) => name === server)!.kill('SIGKILL');
    await using second = await start();
    const again = shopper.twin(second.url);
    expect(await again.count()).toMatchObject({ id, epoch: 2, restored: true, count: 2 });
  });
});
