/** The store is away: sessions stay where they are; when their owner fails another server stands in (`keep`), or they are refused (`reject`). */
import { describe, expect, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { FleetClient } from '../support/fleet-clients.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';
import { until } from '../support/until.ts';

describe.each(runtimes)('a fleet without its store on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for(['keep', 'reject'] as const)('whenStoreLost: %s', { timeout: 60_000 }, async (whenStoreLost, context) => {
    needProgram(context, 'redis');
    const kinds = ['cookie', 'header'] as const;
    await using fleet = await startFleet(runtime, { kinds, fleet: { whenStoreLost, timeout: '500ms' } });
    const clients = kinds.flatMap((kind) => Array.from({ length: 12 }, () => new FleetClient(kind)));
    const askAll = () => Promise.all(clients.map((client, n) => client.ask(fleet.nodes[n % 2]!)));
    const homes = (await askAll()).map(({ server }) => server);
    // The other node knows the names as well, from its table.
    await Promise.all(clients.map((client, n) => client.ask(fleet.nodes[1 - (n % 2)]!)));
    await fleet.redis.kill();
    // What token and table agree on needs no store.
    expect((await askAll()).map(({ server }) => server)).toEqual(homes);

    await fleet.server('a').kill();
    const without = await askAll();
    const orphans = without.filter((_, n) => homes[n] === 'a');
    expect(without.filter((_, n) => homes[n] !== 'a').map(({ server }) => server)).toEqual(
      homes.filter((home) => home !== 'a'),
    );
    expect(orphans.length).toBeGreaterThan(0);
    if (whenStoreLost === 'reject') {
      expect(orphans.map(({ failure }) => failure)).toEqual(Array(orphans.length).fill('503 session-store'));
    } else {
      expect(orphans.map(({ failure }) => failure)).toEqual(Array(orphans.length).fill(''));
      expect(orphans.map(({ server }) => server)).not.toContain('a');
      // Nobody can tell the other node who stands in: it chooses the same.
      const elsewhere = await Promise.all(clients.map((client, n) => client.ask(fleet.nodes[1 - (n % 2)]!)));
      expect(elsewhere.map(({ server }) => server)).toEqual(without.map(({ server }) => server));
    }
    // Nothing was claimed: the owner is back, and so are its sessions.
    await fleet.startServer('a');
    for (const node of fleet.nodes) await node.untilState('a', 'up');
    expect((await askAll()).map(({ server }) => server)).toEqual(homes);

    await fleet.redis.start();
    await fleet.server('a').kill();
    // Requests that go on without a claim are counted.
    const unrecorded = async () => {
      const counters = await Promise.all(fleet.nodes.map((node) => node.counters()));
      return counters.reduce((sum, { owners_unrecorded = 0 }) => sum + owners_unrecorded, 0);
    };
    const claimed = async () => {
      const before = await unrecorded();
      const replies = await askAll();
      const isAnswered = replies.every(({ failure, server }) => failure === '' && server !== 'a');
      return isAnswered && (await unrecorded()) === before;
    };
    await until('the store is back, and sessions are claimed again', claimed);
    const moved = (await askAll()).map(({ server }) => server);
    // Who stood in for the owner while nothing could be claimed has become the owner: what it knows of the session is still of use.
    if (whenStoreLost === 'keep') expect(moved).toEqual(without.map(({ server }) => server));
    await fleet.startServer('a');
    for (const node of fleet.nodes) await node.untilState('a', 'up');
    expect((await askAll()).map(({ server }) => server)).toEqual(moved);
  });
});
