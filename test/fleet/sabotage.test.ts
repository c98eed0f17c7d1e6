/** A fleet that is broken on purpose: the checker of the proof has to find it in the logs of the servers, and nothing without the fault. */
import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../deploys/visits.ts';
import { startFleet } from '../support/fleet.ts';
import { judgeFleet } from '../support/fleet-checker.ts';
import { FleetClient, type Outcome } from '../support/fleet-clients.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('a fleet that is broken on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for([
    ['no fault', ''],
    ['untold-moves', 'untold-moves'],
    ['unshared-bindings', 'unshared-bindings'],
  ])('%s', { timeout: 60_000 }, async ([, fault = ''], context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, {
      kinds: ['learn', 'rewrite'],
      env: { LIMPET_INJECTED_FAULT: fault },
    });
    const [one, two] = fleet.nodes as [(typeof fleet.nodes)[0], (typeof fleet.nodes)[0]];
    const clients = (['learn', 'rewrite'] as const).flatMap((kind) =>
      Array.from({ length: 16 }, () => new FleetClient(kind)),
    );
    const outcomes: Outcome[] = [];
    const everybody = async (node: typeof one) => {
      outcomes.push(...(await Promise.all(clients.map((client) => client.ask(node)))));
    };
    await everybody(one);
    await everybody(two);
    const from = monotonicMs();
    await fleet.server('a').kill();
    // All sessions of the server move, and the other node is not asked about any of them.
    await everybody(one);
    await fleet.startServer('a');
    for (const node of fleet.nodes) await node.untilState('a', 'up');
    const to = monotonicMs();
    await everybody(two);
    const troubles = [{ server: 'a', node: '*', from, to }];
    const { wrong, moves } = judgeFleet(fleet.visits(), outcomes, { troubles, aftermathMs: 0, messageMs: 0 });
    expect(moves).toBeGreaterThan(0);
    if (fault === '') expect(wrong).toEqual([]);
    else expect(wrong).not.toEqual([]);
  });
});
