/** A server that one balancer of a fleet does not have gets no new sessions from the others: they would have no server there. */
import { describe, expect, test } from 'vitest';
import type { ServerView } from '../../src/admin/schemas.ts';
import { fleetRedis, nodeConfig, query, startNode } from '../support/fleet-nodes.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, echoOf, together, until, Visitor } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';

type Node = Awaited<ReturnType<typeof startNode>>;

const homesAt = ({ url }: Node) =>
  Promise.all(Array.from({ length: 12 }, async () => echoOf(await new Visitor(url).ask()).server));

async function stateAt(node: Node, name: string): Promise<string | undefined> {
  return (await query<ServerView[]>(node, '/v1/servers')).find((server) => server.name === name)?.state;
}

async function twoNodes(
  runtime: Runtime,
  redis: Awaited<ReturnType<typeof fleetRedis>>,
  config: Record<string, unknown>,
) {
  return await together(['one', 'two'].map((name) => startNode(runtime, redis, name, { config })));
}

describe.each(runtimes)('a reload of one node on %s', (runtime) => {
  test('removes and adds servers for new sessions of all', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b', 'c'].map((name) => httpOrigin(name)));
    const configOf = (...names: string[]) => configFor(origins.filter(({ name }) => names.includes(name)));
    await using nodes = await twoNodes(runtime, redis, configOf('a', 'b'));
    const [one, two] = [nodes[0]!, nodes[1]!];
    expect(new Set(await homesAt(two))).toEqual(new Set(['a', 'b']));
    await one.reload(nodeConfig(redis, 'one', { config: configOf('a') }));
    await until('two knows', async () => (await stateAt(two, 'b')) === 'draining');
    await until('its workers know', async () => (await homesAt(two)).every((home) => home === 'a'));
    expect(new Set(await homesAt(two))).toEqual(new Set(['a']));
    expect(two.stderr()).toMatch(/server app\/b .*node one does not have it/);
    await one.reload(nodeConfig(redis, 'one', { config: configOf('a', 'b', 'c') }));
    await until('both use b', async () => (await stateAt(two, 'b')) === 'up' && (await stateAt(one, 'b')) === 'up');
    await until('one waits with c', async () => (await stateAt(one, 'c')) === 'draining');
    await until('its workers know', async () => (await homesAt(one)).every((home) => home !== 'c'));
    expect(new Set(await homesAt(one))).toEqual(new Set(['a', 'b']));
    await two.reload(nodeConfig(redis, 'two', { config: configOf('a', 'b', 'c') }));
    await until('all use c', async () => (await stateAt(one, 'c')) === 'up' && (await stateAt(two, 'c')) === 'up');
    await until('its workers know', async () => new Set(await homesAt(one)).size === 3);
  });

  test('where no server is on all nodes, each goes on with its own', { timeout: 120_000 }, async (context) => {
    const redis = await fleetRedis(context);
    await using origins = await together(['a', 'b'].map((name) => httpOrigin(name)));
    const [a, b] = origins;
    await using one = await startNode(runtime, redis, 'one', { config: configFor([a!]) });
    await using two = await startNode(runtime, redis, 'two', { config: configFor([b!]) });
    await until('it is told', () => one.stderr().includes('no server of app is on all nodes'));
    expect(new Set(await homesAt(one))).toEqual(new Set(['a']));
    expect(new Set(await homesAt(two))).toEqual(new Set(['b']));
  });
});
