/**
 * A server is drained under its sessions: they leave with their next request and lose nothing, `limpet drain --wait` says
 * when it is empty, and its state outlives a reload. A session of which something runs stays until that is over.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limpetCommand } from '../support/command.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, tellServer, until } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

function command(runtime: Runtime, limpet: Limpet, ...args: string[]) {
  const { file, args: all, env } = limpetCommand(runtime, join(limpet.folder, 'state'), args);
  const { status, stdout, stderr } = spawnSync(file, all, { cwd: limpet.folder, env, encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

describe.each(runtimes)('draining on %s', (runtime) => {
  test('copied sessions leave with their next request', { timeout: 60_000 }, async () => {
    await using servers = await startShops('a', 'b');
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: {}, workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const shoppers = Array.from({ length: 10 }, () => new Shopper(limpet.url));
    const before = await Promise.all(shoppers.map((shopper) => shopper.count()));
    const onA = before.filter(({ server }) => server === 'a').length;
    expect(onA).toBeGreaterThan(2);
    expect(command(runtime, limpet, 'sessions').text).toMatch(new RegExp(`shop/a +up +${onA} +${onA} +0 +0`));

    // Something runs of one of them: it stays until then.
    const busy = shoppers[before.findIndex(({ server }) => server === 'a')]!;
    const cookie = `limpet=${busy.cookies.get('limpet')}`;
    const late = ask(`${limpet.url}/late`, { headers: { cookie } });
    await until('it runs', async () => (await ask(`http://${servers[0]!.address}/waiting`)).body === '1');
    expect(command(runtime, limpet, 'drain', 'a', '--wait', '--timeout', '500ms')).toMatchObject({ status: 6 });
    expect(await busy.count('/read')).toMatchObject({ server: 'a', epoch: 1 });
    await ask(`http://${servers[0]!.address}/go`);
    expect((await late).status).toBe(200);
    const drained = command(runtime, limpet, 'drain', 'shop/a', '--wait', '--timeout', '10s');
    expect(drained.text).toContain('empty: it can be stopped');
    expect(drained.status).toBe(0);
    expect(drained.text).not.toContain('warning');
    const last = command(runtime, limpet, 'drain', 'shop/b');
    expect(last.text).toContain('limpet: warning: shop/b was the last usable server of pool shop: limpet ready shop/b');
    await until('the log has both lines', () => limpet.stderr().includes('pool shop has no usable server: '));
    expect(limpet.stderr()).toMatch(/server shop\/b is drained: .*it was the last usable server of its pool/);
    expect(command(runtime, limpet, 'ready', 'shop/b').text).toBe('shop/b: ready\n');
    await until('that is told', () => limpet.stderr().includes('pool shop has a usable server again: b'));

    await limpet.reload({ listeners: [{ address: '127.0.0.1:0' }], ...config, shutdown: { timeout: '9s' } });
    expect(command(runtime, limpet, 'sessions').text).toMatch(/shop\/a +draining/);
    const after = await Promise.all(shoppers.map((shopper) => shopper.count()));
    for (const [i, answer] of after.entries()) {
      const moved = before[i]!.server === 'a';
      expect(answer).toMatchObject({
        id: before[i]!.id,
        server: 'b',
        epoch: moved ? 2 : 1,
        reason: moved ? 'move' : 'held',
        restored: moved,
        count: shoppers[i] === busy ? 3 : 2,
      });
    }
    expect(await new Shopper(limpet.url).count()).toMatchObject({ server: 'b' });
    expect(await limpet.counters()).toMatchObject({ sessions_moved: onA, claims: onA, copies_fenced: 0, rebinds: 0 });
    expect(command(runtime, limpet, 'ready', 'a')).toMatchObject({ status: 0, text: 'shop/a: ready\n' });
    const news = await Promise.all([1, 2, 3, 4].map(() => new Shopper(limpet.url).count()));
    expect(news.map(({ server }) => server)).toContain('a');
  });

  test('a restart does not take the word back', async () => {
    await using servers = await startShops('a', 'b');
    await using state = await mkdtempDisposable(join(tmpdir(), 'limpet-drain-'));
    const config = { pools: { shop: { servers: poolOf(servers) } } };
    const env = { LIMPET_STATE: state.path };
    const servings = async (limpet: Limpet) =>
      new Set(await Promise.all([1, 2, 3, 4].map(async () => (await new Shopper(limpet.url).count('/read')).server)));
    await using first = await startLimpet(runtime, { config, env });
    expect(await tellServer(state.path, 'a', 'drain')).toBe(200);
    await first.stop('SIGKILL');
    await using second = await startLimpet(runtime, { config, env });
    expect(await servings(second)).toEqual(new Set(['b']));
    expect(await tellServer(state.path, 'a', 'ready')).toBe(200);
    await second.stop();
    await using third = await startLimpet(runtime, { config, env });
    expect(await servings(third)).toEqual(new Set(['a', 'b']));
  });

  test('mistakes are told', async () => {
    await using servers = await startShops('app');
    await using limpet = await startLimpet(runtime, { config: { pools: { shop: { servers: poolOf(servers) } } } });
    expect(command(runtime, limpet, 'drain', 'ap')).toEqual({
      status: 3,
      text: 'limpet: there is no server "ap", did you mean "app"?\n',
    });
    await limpet.stop();
    expect(command(runtime, limpet, 'sessions')).toMatchObject({
      status: 3,
      text: expect.stringContaining('limpet: no balancer answers at unix:'),
    });
  });
});
