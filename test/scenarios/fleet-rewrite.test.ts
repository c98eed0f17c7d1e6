/** Cookies of the app with a prefix: the client keeps the old prefix after a rebind, and no node goes by it. */
import { describe, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { ownerFails } from '../support/fleet-owner-fails.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('rewritten cookies in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for([2, 3])('%i nodes', { timeout: 60_000 }, async (nodes, context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes, kinds: ['rewrite'] });
    await ownerFails(fleet, 'rewrite');
  });
});
