/** Sessions of plain cookies whose owner has failed: all nodes agree on one new owner, claim it once, and stay with it. */
import { describe, expect, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { FleetClient } from '../support/fleet-clients.ts';
import { ownerFails } from '../support/fleet-owner-fails.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('cookies in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for([2, 3])('%i nodes', { timeout: 60_000 }, async (nodes, context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes, kinds: ['cookie'], servers: ['a', 'b', 'c', 'd'] });
    await ownerFails(fleet, 'cookie');
  });

  test('each session is claimed once, and its epoch has one owner', { timeout: 60_000 }, async (context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes: 3, kinds: ['cookie'] });
    const clients = Array.from({ length: 60 }, () => new FleetClient('cookie'));
    const homes = await Promise.all(clients.map((client, n) => client.ask(fleet.nodes[n % 3]!)));
    await fleet.server('b').kill();
    const replies = await Promise.all(
      clients.flatMap((client) =>
        fleet.nodes.map((node) =>
          client
            .twin()
            .ask(node)
            .then(({ server }) => server),
        ),
      ),
    );
    expect(replies).not.toContain('b');
    const moved = homes.filter(({ server }) => server === 'b').length;
    const counters = await Promise.all(fleet.nodes.map((node) => node.counters()));
    expect(counters.reduce((sum, { claims = 0 }) => sum + claims, 0)).toBe(moved);
  });
});
