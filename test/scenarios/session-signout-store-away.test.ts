/**
 * A sign-out while the store is away: no success is told of it, nobody can use the session meanwhile, and it is not given up before
 * the store has it, also when the balancer ends in between. The other sessions go on as well as they can.
 */
import { execFile } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { ask, type ServerProcess, until } from '../support/peers.ts';
import { findProgram, needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

const refused = async (shopper: Shopper, path: string) => {
  const { status, headers } = await shopper.ask(path);
  return [status, headers['limpet-reason'], headers['retry-after']];
};
const ending = [503, 'session-ending', '2'];

function start(runtime: Runtime, folder: string, servers: readonly ServerProcess[], sessions: object) {
  const config = {
    pools: { shop: { servers: poolOf(servers) } },
    sessions: { timeout: '2s', ...sessions },
    workers: 2,
  };
  return startLimpet(runtime, { config, env: { LIMPET_STATE: folder } });
}

/** Where the store interface has that shopper's session. */
async function placeOf(shopper: Shopper): Promise<string> {
  const { body } = await shopper.ask('/headers');
  const line = (JSON.parse(body) as Record<string, string>)['limpet-session']!;
  const [, id, pool, store] = /id=(\S+); .*pool=(\S+); store=(\S+);/.exec(line)!;
  return `${store}/${pool}/${id}`;
}

const noneWaits = async (limpet: { counters(): Promise<Record<string, number>> }) =>
  (await limpet.counters()).endings_pending === 0;

describe.each(runtimes)('a sign-out while the store is away on %s', { timeout: 60_000 }, (runtime) => {
  const policies = [
    { whenStoreFails: 'fail', replication: 'sync' },
    { whenStoreFails: 'degrade', replication: 'sync' },
    { whenStoreFails: 'degrade', replication: 'async' },
  ];
  test.for(policies)('redis, $whenStoreFails, $replication', async (policy, context) => {
    needProgram(context, 'redis');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-signout-'));
    const redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder.path);
    try {
      await using servers = await startShops('a', 'b');
      await using limpet = await start(runtime, folder.path, servers, { store: redis.url, ...policy });
      const shopper = new Shopper(limpet.url);
      await shopper.count();
      const stolen = shopper.twin(limpet.url);
      const place = await placeOf(shopper);
      await until('the copy is stored', async () => (await ask(place)).status === 200);
      await redis.kill();

      expect(await refused(shopper, '/delete')).toEqual(ending);
      for (const path of ['/delete', '/read', '/']) expect(await refused(shopper, path)).toEqual(ending);
      expect(await refused(stolen, '/read')).toEqual(ending);
      expect([(await ask(place)).status, (await ask(place)).headers['limpet-store']]).toEqual([503, 'ending']);
      expect(await limpet.counters()).toMatchObject({ endings: 1, endings_pending: 1, sessions_ended: 0 });

      await redis.start();
      await until('the store has the end', () => noneWaits(limpet));
      const gone = await ask(place);
      expect([gone.status, gone.headers['limpet-store']]).toEqual([410, 'ended']);
      for (const one of [shopper, stolen]) expect(await one.count('/read')).toMatchObject({ reason: 'new', count: 0 });
    } finally {
      await redis.kill();
    }
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)('a full disk under lmdb, and the balancer ends by %s', async (signal) => {
    const prlimit = findProgram('prlimit');
    if (prlimit === undefined) throw new Error('found no prlimit, expected it with util-linux');
    const limit = (pid: number, bytes: string) =>
      promisify(execFile)(prlimit, ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-signout-'));
    await using servers = await startShops('a', 'b');
    const sessions = { store: `lmdb:${join(folder.path, 'copies')}` };
    await using limpet = await start(runtime, folder.path, servers, sessions);
    const [shopper, other] = [new Shopper(limpet.url), new Shopper(limpet.url)];
    await shopper.count();
    await other.count();
    const stolen = shopper.twin(limpet.url);
    // What is small can be written still: no page of the store.
    await limit(limpet.pid, '8000');

    expect(await refused(shopper, '/delete')).toEqual(ending);
    expect(await refused(stolen, '/read')).toEqual(ending);
    expect(await refused(other, '/')).toEqual([503, 'session-store', '2']);
    expect((await other.ask('/read')).status).toBe(200);
    expect(await limpet.counters()).toMatchObject({ endings_pending: 1, endings_unsaved: 0, copies_failed: 1 });
    await limpet.stop(signal);

    await using again = await start(runtime, folder.path, servers, sessions);
    await until('the store has the end', () => noneWaits(again));
    const late = stolen.twin(again.url);
    expect(await late.count('/read')).toMatchObject({ reason: 'new', count: 0 });
    expect(await other.twin(again.url).count()).toMatchObject({ reason: 'held' });
  });

  test('a full disk under lmdb fails what changes, with its reason, and passes', async () => {
    const prlimit = findProgram('prlimit');
    if (prlimit === undefined) throw new Error('found no prlimit, expected it with util-linux');
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-full-'));
    await using servers = await startShops('a', 'b');
    await using limpet = await start(runtime, folder.path, servers, { store: `lmdb:${join(folder.path, 'copies')}` });
    const limit = (bytes: string) =>
      promisify(execFile)(prlimit, ['--pid', String(limpet.pid), `--fsize=${bytes}:unlimited`]);
    const shoppers = Array.from({ length: 5 }, () => new Shopper(limpet.url));
    for (const shopper of shoppers) await shopper.count();
    await limit('8000');
    for (const shopper of shoppers) {
      expect(await refused(shopper, '/')).toEqual([503, 'session-store', '2']);
      expect((await shopper.ask('/read')).status).toBe(200);
    }
    expect((await limpet.counters()).copies_failed).toBe(5);
    await limit('unlimited');
    // What was refused is with the server still, and goes along with its next change.
    for (const shopper of shoppers) expect(await shopper.count()).toMatchObject({ count: 3 });
    expect(limpet.stderr()).toMatch(/the store fails: the store \S+ cannot be written: /);
  });
});
