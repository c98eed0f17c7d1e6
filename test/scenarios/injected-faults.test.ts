/** The switch by which tests of tests break one promise: it does what it says, and nobody can set it by mistake. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { ask, tellServer, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

describe.each(runtimes)('LIMPET_INJECTED_FAULT on %s', (runtime) => {
  const start = (servers: Parameters<typeof poolOf>[0], what: string, mode = 'test') =>
    startLimpet(runtime, {
      config: { pools: { shop: { servers: poolOf(servers) } }, sessions: {} },
      env: { LIMPET_INJECTED_FAULT: what, NODE_ENV: mode },
    });

  test('is refused where nobody tests, and for a word that is none', async () => {
    await using servers = await startShops('a');
    await expect(start(servers, 'fencing', 'production')).rejects.toThrow('only with NODE_ENV=test');
    await expect(start(servers, 'everything')).rejects.toThrow('expected fencing, gate, tombstones');
  });

  test('fencing: a put of an older epoch is kept; tombstones: an ended session can be put again', async () => {
    for (const what of ['fencing', 'tombstones']) {
      await using servers = await startShops('a', 'b');
      await using limpet = await start(servers, what);
      expect(limpet.stderr()).toContain(`${what} is broken on purpose`);
      const shopper = new Shopper(limpet.url);
      const { id, server } = await shopper.count();
      const seen = JSON.parse((await shopper.ask('/headers')).body) as Record<string, string>;
      const at = `${/store=(\S+);/.exec(seen['limpet-session']!)![1]!}/shop/${id}`;
      const put = (epoch: number, version: number) => ({
        method: 'PUT',
        body: `v${version}`,
        headers: { 'limpet-session-put': `epoch=${epoch}; version=${version}; ttl=60; by=p` },
      });
      if (what === 'tombstones') {
        const end = { method: 'DELETE', headers: { 'limpet-session-delete': 'epoch=1' } };
        expect((await ask(at, end)).status).toBe(204);
      } else {
        const state = join(limpet.folder, 'state');
        await tellServer(state, server, 'drain');
        expect(await shopper.count()).toMatchObject({ epoch: 2 });
      }
      expect((await ask(at, put(1, 9))).status).toBe(204);
      expect((await ask(at)).body).toBe('v9');
    }
  });

  test('gate: success before the copy is there', async () => {
    await using servers = await startShops('a');
    await using limpet = await start(servers, 'gate');
    const shopper = new Shopper(limpet.url);
    const { id } = await shopper.count();
    const seen = JSON.parse((await shopper.ask('/headers')).body) as Record<string, string>;
    const at = `${/store=(\S+);/.exec(seen['limpet-session']!)![1]!}/shop/${id}`;
    expect([200, 404]).toContain((await ask(at)).status);
    await until('the copy is there', async () => (await ask(at)).status === 200);
  });
});
