/**
 * All servers of a fleet die at once. While none takes requests the nodes try one server after the other for each session, and each node sees the owner
 * that another one has tried. When the servers are back, every session is where it was before.
 */
import { describe, expect, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { FleetClient, type Kind } from '../support/fleet-clients.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';
import { until } from '../support/until.ts';

const kinds: readonly Kind[] = ['cookie', 'header', 'library'];
const names = ['a', 'b', 'c'];
const clientsOfKind = 6;
const rounds = 3;

describe.each(runtimes)('an outage of all servers of a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test('leaves every session at home', { timeout: 90_000 }, async (context) => {
    needProgram(context, 'redis');
    const pool = { health: { passive: { ejection: '500ms', maxEjection: '500ms' } } };
    await using fleet = await startFleet(runtime, { nodes: 3, servers: names, kinds, pool });
    const clients = kinds.flatMap((kind) => Array.from({ length: clientsOfKind }, () => new FleetClient(kind)));
    const homes = await Promise.all(
      clients.map(async (client, n) => (await client.askForChange(fleet.nodes[n % fleet.nodes.length]!)).server),
    );

    await Promise.all(names.map((name) => fleet.server(name).kill()));
    for (let round = 0; round < rounds; round++) {
      const asked = clients.flatMap((client) => fleet.nodes.map((node) => client.twin().askForChange(node)));
      const answered = (await Promise.all(asked)).filter(({ failure }) => failure === '');
      expect(answered).toEqual([]);
    }
    await Promise.all(names.map((name) => fleet.startServer(name)));
    for (const node of fleet.nodes)
      await until(`${node.name} has all servers`, async () =>
        (await node.api.servers()).every(({ state }) => state === 'up'),
      );

    for (const node of fleet.nodes) {
      const after = await Promise.all(clients.map((client) => client.twin().ask(node)));
      expect(after.map(({ session, server, failure }) => [session, failure || server])).toEqual(
        clients.map(({ session }, n) => [session, homes[n]]),
      );
    }
  });
});
