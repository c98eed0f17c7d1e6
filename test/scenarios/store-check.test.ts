/** `limpet store check`: what it says of a Redis as it should be, of one that may cost sessions, of a cluster, and of none. */
import { execFile } from 'node:child_process';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { limpetCommand } from '../support/command.ts';
import { startLimpet } from '../support/limpet.ts';
import { needProgram } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function check(runtime: Runtime, config: object, ...more: string[]): Promise<Outcome> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-check-'));
  const path = join(folder.path, 'limpet.yaml');
  await writeFile(path, stringify({ listeners: [{ address: '127.0.0.1:0' }], ...config }));
  const { file, args, env } = limpetCommand(runtime, folder.path, ['store', 'check', '-c', path, ...more]);
  return await new Promise((done) => {
    const child = execFile(file, args, { env, cwd: folder.path }, (_, out, error) =>
      done({ code: child.exitCode ?? -1, out, error }),
    );
  });
}

describe.each(runtimes)('limpet store check on %s', { timeout: 60_000 }, (runtime) => {
  test('tells what the store is like, what it has, and what may cost sessions', async (context) => {
    needProgram(context, 'redis');
    await using redis = await RedisServer.start();
    await using servers = await startShops('a');
    const config = { pools: { shop: { servers: poolOf(servers) } }, sessions: { store: redis.url, timeout: '1s' } };
    await using limpet = await startLimpet(runtime, { config });
    const shoppers = [1, 2, 3].map(() => new Shopper(limpet.url));
    for (const shopper of shoppers) await shopper.count();
    await shoppers[0]!.ask('/delete');
    const admin = new Redis(redis.url);
    await admin.set('limpet:mine', 'of another program');
    await admin.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
    const found = await check(runtime, config);
    expect(found.code).toBe(0);
    expect(found.out).toMatch(
      new RegExp(
        `^server +version +file +replicas +memory +at its limit +clock\n127\\.\\S+:${redis.port} +Redis \\d\\S+ +none +0 +\\S+ MiB of 100\\.0 MiB +allkeys-lru +[+-]0\\.\\d s\n`,
      ),
    );
    expect(found.out).toContain('mode: one server\n');
    expect(found.out).toContain('keys: 3 session, 0 user, 0 moves, 1 incarnation, 0 fleet, 1 foreign\n');
    expect(found.out).toMatch(/of 3 sessions: 2 live, \d{2,4} bytes each; 1 ended, \d{2,3} bytes each\n$/);
    const address = redis.url.replace('redis://', '');
    expect(found.error.trim().split('\n')).toEqual([
      `warning: ${address}: found appendonly no: a restart loses all copies, expected appendonly yes and appendfsync always`,
      `warning: ${address}: found maxmemory-policy allkeys-lru: at its limit it deletes sessions, expected noeviction`,
      'warning: 1 keys begin as ours do and are not ours: "limpet:mine": give each program a prefix of its own',
    ]);

    // Mended, it says nothing more.
    await admin.del('limpet:mine');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'appendonly', 'yes', 'appendfsync', 'always');
    admin.disconnect();
    expect(await check(runtime, config)).toMatchObject({ code: 0, error: '' });
    const { out } = await check(runtime, config, '--json');
    expect(JSON.parse(out)).toMatchObject({
      mode: 'one',
      nodes: [{ appendFsync: 'always', policy: 'noeviction', replicas: 0 }],
      keys: { session: 3, foreign: 0 },
      warnings: [],
    });
  });

  test('tells of each primary of a cluster; a store that is not there ends it with 3, and one of this machine with a sentence', async (context) => {
    needProgram(context, 'redis');
    await using cluster = await RedisCluster.start();
    const pools = { shop: { servers: ['127.0.0.1:1'] } };
    const found = await check(runtime, { pools, sessions: { store: cluster.url, timeout: '1s' } });
    expect(found).toMatchObject({ code: 0, out: expect.stringContaining('mode: a cluster\n') });
    for (const { port } of cluster.servers) expect(found.out).toMatch(new RegExp(`:${port} +Redis `));
    const away = await check(runtime, { pools, sessions: { store: 'redis://:hush@127.0.0.1:1', timeout: '1s' } });
    expect(away).toMatchObject({ code: 3, out: '' });
    expect(away.error).toContain('the store cannot be used: redis: connect ECONNREFUSED 127.0.0.1:1');
    expect(away.error).not.toContain('hush');
    const memory = await check(runtime, { pools, sessions: { store: 'memory' } });
    expect(memory).toEqual({
      code: 0,
      error: '',
      out: 'store: memory, of this machine alone; there is nothing to check\n',
    });
    expect(await check(runtime, { pools })).toMatchObject({ code: 3, error: expect.stringContaining('has no store') });
  });
});
