/** Old cookies at a node that was not there when their sessions moved: one that starts later, and one that was cut off from the store. */
import { describe, expect, test } from 'vitest';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { type Door, FleetClient, type Kind, type Outcome } from '../support/fleet-clients.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';
import { until } from '../support/until.ts';

const kinds = ['cookie', 'learn', 'header', 'rewrite', 'library'] as const satisfies readonly Kind[];

/** A session of the library begins with its first change. */
function use(client: FleetClient, node: Door): Promise<Outcome> {
  return client.kind === 'library' ? client.ask(node, 'count', { method: 'POST' }) : client.ask(node);
}

/** Sessions of each kind, with what they knew before those of server a moved. The server is back. */
async function moveSome(fleet: TestFleet) {
  const [node] = fleet.nodes;
  const old = kinds.flatMap((kind) => Array.from({ length: 8 }, () => new FleetClient(kind)));
  for (const client of old) await use(client, node!);
  await fleet.server('a').kill();
  const current = old.map((client) => client.twin());
  const replies = await Promise.all(current.map((client) => use(client, node!)));
  await fleet.startServer('a');
  const homes = replies.map(({ server }) => server);
  expect(homes).not.toContain('a');
  return { old, homes };
}

describe.each(runtimes)('a node that missed moves on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test('because it starts later', { timeout: 60_000 }, async (context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes: 1, kinds });
    const { old, homes } = await moveSome(fleet);
    const late = await fleet.addNode();
    const replies = await Promise.all(old.map((client) => client.ask(late)));
    expect(replies.map(({ server }) => server)).toEqual(homes);
  });

  test('because it was down, and has a table of before', { timeout: 60_000 }, async (context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { kinds, config: { table: { save: '1s' } } });
    const two = fleet.nodes[1]!;
    const before = kinds.flatMap((kind) => Array.from({ length: 8 }, () => new FleetClient(kind)));
    for (const client of before) await use(client, two);
    await two.stop('SIGTERM');
    await fleet.server('a').kill();
    const replies = await Promise.all(before.map((client) => use(client.twin(), fleet.nodes[0]!)));
    await fleet.startServer('a');
    await two.start();
    const there = await Promise.all(before.map((client) => client.ask(two)));
    expect(there.map(({ server }) => server)).toEqual(replies.map(({ server }) => server));
  });

  test('because it was cut off from the store', { timeout: 60_000 }, async (context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { kinds, fleet: { timeout: '500ms' } });
    const two = fleet.nodes[1]!;
    two.wire.refuse();
    const { old, homes } = await moveSome(fleet);
    await two.wire.accept();
    // From the moment on at which it has one of them right it has them all.
    const moved = old.filter((_, n) => fleet.pathOf(old[n]!.session).length === 2);
    expect(moved.length).toBeGreaterThan(0);
    const probe = moved.find(({ kind }) => kind === 'cookie')!;
    const home = homes[old.indexOf(probe)]!;
    await until('it has heard what it missed', async () => (await probe.twin().ask(two)).server === home);
    const replies = await Promise.all(old.map((client) => client.ask(two)));
    expect(replies.map(({ server }) => server)).toEqual(homes);
  });
});
