/** What an operator says of servers on one balancer of a fleet holds on all, through restarts and while the store is away. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ServerView } from '../../src/admin/schemas.ts';
import { limpetCommand } from '../support/command.ts';
import { type FleetNode, fleetAt, fleetRedis, nodeConfig, query, startNode } from '../support/fleet-nodes.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, run, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const longer = { timeout: 120_000 };

async function serverAt(node: FleetNode, name: string): Promise<ServerView | undefined> {
  return (await query<ServerView[]>(node, '/v1/servers')).find((server) => server.name === name);
}

async function limpet(node: FleetNode, runtime: 'bun' | 'node', ...words: string[]) {
  const { file, args, env } = limpetCommand(runtime, node.state, [...words, '-c', join(node.folder, 'limpet.yaml')]);
  return await run(file, args, { env });
}

describe.each(runtimes)('orders on %s', (runtime) => {
  test('states, numbers, new and removed servers hold on all when the command returns', longer, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const config = configFor(origins);
    await using one = await startNode(runtime, redis, 'one', { config });
    await using two = await startNode(runtime, redis, 'two', { config });
    expect(await limpet(one, runtime, 'drain', 'a')).toMatchObject({ code: 0, stderr: '' });
    expect(await serverAt(two, 'a')).toMatchObject({ state: 'draining', drained: true });
    await query(two, '/v1/servers/app/b', 'PATCH', { weight: 7, maxRequests: 3 });
    expect(await serverAt(one, 'b')).toMatchObject({ weight: 7, maxRequests: 3 });
    await query(one, '/v1/servers/app', 'POST', { name: 'd', address: '127.0.0.1:1' });
    expect(await serverAt(two, 'd')).toMatchObject({ address: '127.0.0.1:1', source: 'api' });
    await query(two, '/v1/servers/app/c', 'DELETE');
    expect(await serverAt(one, 'c')).toBeUndefined();
    expect(await limpet(two, runtime, 'down', 'd')).toMatchObject({ code: 0 });
    expect(await serverAt(one, 'd')).toMatchObject({ state: 'down' });
    // One that starts later has them from its first request on; so has one that starts anew, and its own file is older.
    await two.stop();
    expect(await limpet(one, runtime, 'ready', 'a')).toMatchObject({ code: 0, stderr: '' });
    await using again = await startNode(runtime, redis, 'two', { config, state: two.state });
    await using three = await startNode(runtime, redis, 'three', { config });
    for (const node of [again, three]) {
      expect(await serverAt(node, 'a')).toMatchObject({ state: 'up', drained: false });
      expect(await serverAt(node, 'b')).toMatchObject({ weight: 7, maxRequests: 3 });
      expect(await serverAt(node, 'c')).toBeUndefined();
      expect(await serverAt(node, 'd')).toMatchObject({ state: 'down', source: 'api' });
    }
    expect((await fleetAt(one)).nodes.map(({ pending, failure }) => [pending, failure])).toEqual(
      Array.from({ length: 3 }, () => [0, null]),
    );
  });

  test('while the store is away it holds here alone, and is sent when it is back', longer, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const config = configFor(origins);
    await using one = await startNode(runtime, redis, 'one', { config });
    await using two = await startNode(runtime, redis, 'two', { config });
    await query(one, '/v1/servers/app/a', 'PATCH', { weight: 2 });
    await redis.kill();
    await until('both are cut off', async () => !(await fleetAt(one)).connected && !(await fleetAt(two)).connected);
    const said = await limpet(one, runtime, 'drain', 'a');
    expect(said.code).toBe(0);
    expect(said.stderr).toMatch(/limpet: warning: it holds on this node only until fleet\.store answers \(redis: /);
    expect(await serverAt(one, 'a')).toMatchObject({ drained: true });
    expect(await serverAt(two, 'a')).toMatchObject({ drained: false });
    // Also through a restart.
    await one.stop();
    await using again = await startNode(runtime, redis, 'one', { config, state: one.state });
    expect(await serverAt(again, 'a')).toMatchObject({ drained: true, weight: 2 });
    expect((await fleetAt(again)).unsent).toBe(1);
    // It comes back empty: what was said before is not forgotten.
    await redis.start();
    await until('it is sent', async () => (await serverAt(two, 'a'))?.drained === true);
    expect(await serverAt(two, 'a')).toMatchObject({ weight: 2 });
    await until('nothing is unsent', async () => (await fleetAt(again)).unsent === 0);
    await query(two, '/v1/servers/app/a', 'PATCH', { state: 'ready' });
    expect(await serverAt(again, 'a')).toMatchObject({ drained: false, weight: 2 });
  });

  test('a balancer that was alone brings what was said there into its fleet', longer, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const config = configFor(origins);
    await using alone = await startNode(runtime, redis, 'one', { config });
    await query(alone, '/v1/servers/app/b', 'PATCH', { weight: 5 });
    await alone.stop();
    await using one = await startNode(runtime, redis, 'one', { config, state: alone.state });
    await using two = await startNode(runtime, redis, 'two', { config });
    await until('two has it', async () => (await serverAt(two, 'b'))?.weight === 5);
    // A server that leaves all configs takes what was said of it along.
    await query(one, '/v1/servers/app/b', 'PATCH', { state: 'drain' });
    for (const node of [one, two]) {
      await node.reload(nodeConfig(redis, node.name, { config: configFor(origins.slice(0, 1)) }));
    }
    await until('both know', async () => (await fleetAt(one)).nodes.every(({ differs }) => differs.length === 0));
    for (const node of [one, two]) await node.reload(nodeConfig(redis, node.name, { config }));
    await until('both know', async () => (await fleetAt(two)).nodes.every(({ differs }) => differs.length === 0));
    for (const node of [one, two]) expect(await serverAt(node, 'b')).toMatchObject({ weight: 1, drained: false });
  });
});
