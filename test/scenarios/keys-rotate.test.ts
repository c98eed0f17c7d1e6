/** A new token key at all balancers of a fleet, under load: no session is lost, and the old key can go. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { KeyList } from '../../src/admin/schemas.ts';
import { limpetCommand } from '../support/command.ts';
import { fleetRedis, query, startNode } from '../support/fleet-nodes.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf, run, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('keys rotate on %s', (runtime) => {
  test('two nodes, and clients that go from one to the other', { timeout: 180_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const config = configFor(origins, { affinity: [{ cookie: { idle: '1h' } }] });
    await using nodes = await together(['one', 'two'].map((name) => startNode(runtime, redis, name, { config })));
    const one = nodes[0]!;
    const before = await query<KeyList>(one, '/v1/keys');
    expect(before).toMatchObject({ source: 'fleet', keys: [{ use: 'signs' }] });

    let isOver = false;
    let rounds = 0;
    const client = async (n: number) => {
      // New ones, and ones with a cookie of before.
      let visitor = new Visitor(() => nodes[n % 2]!.url);
      let home = echoOf(await visitor.ask()).server;
      for (let turn = n; !isOver; turn++) {
        const there = new Visitor(nodes[turn % 2]!.url);
        for (const [name, value] of visitor.cookies) there.cookies.set(name, value);
        const reply = await there.ask();
        expect([reply.status, echoOf(reply).server, reply.setCookies]).toEqual([200, home, []]);
        rounds++;
        if (turn % 7 !== 0) continue;
        visitor = new Visitor(nodes[turn % 2]!.url);
        home = echoOf(await visitor.ask()).server;
      }
    };
    const old = new Visitor(one.url);
    const oldHome = echoOf(await old.ask()).server;
    const clients = Array.from({ length: 8 }, (_, n) => client(n));
    const command = (...words: string[]) => {
      const { file, args, env } = limpetCommand(runtime, one.state, [...words, '-c', join(one.folder, 'limpet.yaml')]);
      return run(file, args, { env });
    };
    for (let n = 1; n <= 3; n++) {
      const from = rounds;
      await until('clients are under way', () => rounds > from + 40);
      expect(await command('keys', 'rotate')).toMatchObject({ code: 0, stderr: '' });
    }
    const rotated = await query<KeyList>(one, '/v1/keys');
    expect(rotated.keys.map(({ use }) => use)).toEqual(['signs', 'verifies', 'verifies', 'verifies']);
    expect(rotated.keys.at(-1)?.name).toBe(before.keys[0]?.name);
    expect(await query<KeyList>(nodes[1]!, '/v1/keys')).toEqual(rotated);
    const last = rounds;
    await until('clients went on', () => rounds > last + 40);
    isOver = true;
    await Promise.all(clients);
    expect(echoOf(await old.ask()).server).toBe(oldHome);

    // A node that starts has them all; after `retire` a cookie of an old key is a stranger's.
    await using three = await startNode(runtime, redis, 'three', { config });
    expect(await query<KeyList>(three, '/v1/keys')).toEqual(rotated);
    expect((await query<KeyList>(three, '/v1/keys/retire', 'POST')).keys).toEqual(rotated.keys.slice(0, 1));
    for (const { url } of [...nodes, three]) {
      const stranger = new Visitor(url);
      for (const [name, value] of old.cookies) stranger.cookies.set(name, value);
      expect((await stranger.ask()).setCookies).toHaveLength(1);
    }
  });

  test('a node that cannot have the new key is named, and nothing signs with it', {
    timeout: 60_000,
  }, async (context) => {
    const redis = await fleetRedis(context);
    await using origin = await httpOrigin('a');
    await using one = await startNode(runtime, redis, 'one', { config: configFor([origin]), fleet: { lease: '60s' } });
    await using two = await startNode(runtime, redis, 'two', { config: configFor([origin]), fleet: { lease: '60s' } });
    await until('both are there', async () => (await query<{ nodes: unknown[] }>(one, '/v1/fleet')).nodes.length === 2);
    // It stands still, and its lease goes on.
    process.kill(two.pid, 'SIGSTOP');
    try {
      const { keys } = await query<KeyList>(one, '/v1/keys');
      await expect(query(one, '/v1/keys/rotate', 'POST')).rejects.toThrow(/409 .*found two without the new keys/);
      expect((await query<KeyList>(one, '/v1/keys')).keys[0]).toEqual(keys[0]);
    } finally {
      process.kill(two.pid, 'SIGCONT');
    }
    await until('it goes on', async () => {
      const { keys } = await query<KeyList>(two, '/v1/keys');
      return keys.length === 2;
    });
    const { keys } = await query<KeyList>(one, '/v1/keys/rotate', 'POST');
    expect(keys).toHaveLength(2);
    expect(await query<KeyList>(two, '/v1/keys')).toMatchObject({ keys });
  });

  test('without a fleet the config says which keys there are', async () => {
    await using origin = await httpOrigin('a');
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const words = ['keys', 'rotate', '-c', join(limpet.folder, 'limpet.yaml')];
    const { file, args, env } = limpetCommand(runtime, join(limpet.folder, 'state'), words);
    const { code, stderr } = await run(file, args, { env });
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining('this balancer has no fleet: give it keys in the config'),
    ]);
  });
});
