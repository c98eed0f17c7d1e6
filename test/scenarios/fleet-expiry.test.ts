/** A session that is used at one node only is not forgotten at another one that has seen it: it is at home there after its idle time, too. */
import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../deploys/visits.ts';
import { startFleet } from '../support/fleet.ts';
import { FleetClient } from '../support/fleet-clients.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';
import { until } from '../support/until.ts';

/** The shortest with which a loaded machine still asks often enough. */
const idleMs = 4000;

describe.each(runtimes)('idle times of a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for(['learn', 'header', 'rewrite'] as const)('%s', { timeout: 60_000 }, async (kind, context) => {
    needProgram(context, 'redis');
    const option =
      kind === 'learn'
        ? { learn: { cookie: 'app' } }
        : kind === 'header'
          ? { header: { name: 'X-User' } }
          : { rewrite: { cookie: 'page' } };
    const [[name, fields]] = Object.entries(option) as [[string, object]];
    const affinity = [{ [name]: { ...fields, idle: `${idleMs}ms` } }];
    await using fleet = await startFleet(runtime, { kinds: [kind], pool: { affinity } });
    const [here, there] = fleet.nodes as [(typeof fleet.nodes)[0], (typeof fleet.nodes)[0]];
    const clients = Array.from({ length: 12 }, () => new FleetClient(kind));
    const ask = async (node: typeof here) => {
      const replies = await Promise.all(clients.map((client) => client.ask(node)));
      return replies.map(({ server }) => server);
    };
    await ask(here);
    if (kind === 'rewrite') {
      // Only a move is kept of it.
      await fleet.server('a').kill();
      await ask(here);
      await fleet.startServer('a');
      for (const node of fleet.nodes) await node.untilState('a', 'up');
    }
    const homes = await ask(here);
    expect(await ask(there)).toEqual(homes);
    const end = monotonicMs() + 2 * idleMs;
    await until('its idle time has passed twice', async () => {
      expect(await ask(here)).toEqual(homes);
      return monotonicMs() > end;
    });
    expect(await ask(there)).toEqual(homes);
  });
});
