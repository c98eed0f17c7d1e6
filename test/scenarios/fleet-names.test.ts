/** Names that clients choose: asked for at all nodes at once, they have one server, also after it failed and when a node is new. */
import { describe, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { ownerFails } from '../support/fleet-owner-fails.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('names of clients in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for(['header', 'query', 'path', 'certificate'] as const)('by %s', { timeout: 60_000 }, async (kind, context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes: 3, kinds: [kind] });
    await ownerFails(fleet, kind);
  });
});
