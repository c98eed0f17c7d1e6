/** A server is drained while requests of its sessions run at another node: the sessions move, and nobody gets a 503. */
import { describe, expect, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { FleetClient } from '../support/fleet-clients.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';
import { until } from '../support/until.ts';

const sessions = 10;

describe.each(runtimes)('moves in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test('a drain while a request runs at the other node', { timeout: 60_000 }, async (context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { kinds: ['library'], servers: ['a', 'b'] });
    const [one, two] = fleet.nodes as [(typeof fleet.nodes)[0], (typeof fleet.nodes)[0]];
    const post = { method: 'POST' };
    const clients: FleetClient[] = [];
    // Those of server a.
    while (clients.length < sessions) {
      const client = new FleetClient('library');
      if ((await client.ask(one, 'count', post)).server === 'a') clients.push(client);
    }
    const slow = Promise.all(clients.map((client) => client.twin().ask(two, 'count?ms=1500', post)));
    await until(
      'all are at their server',
      () => fleet.visits().filter(({ server, request }) => server === 'a' && request > 0).length >= 2 * sessions,
    );
    for (const node of fleet.nodes) await node.tell('a', 'drain');
    const meanwhile = await Promise.all(clients.map((client) => client.ask(one, 'count', post)));
    expect([...meanwhile, ...(await slow)].map(({ failure }) => failure)).toEqual(Array(2 * sessions).fill(''));
    // Nothing of it is lost, and all have moved.
    const after = await Promise.all(clients.map((client) => client.ask(two, 'count', post)));
    expect(after.map(({ failure, body }) => failure || (JSON.parse(body) as { count: number }).count)).toEqual(
      Array(sessions).fill(4),
    );
    await until('all have moved', async () => {
      const last = await Promise.all(clients.map((client) => client.ask(one)));
      return last.every(({ server }) => server === 'b');
    });
  });
});
