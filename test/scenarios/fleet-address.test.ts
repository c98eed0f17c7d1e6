/** Addresses of clients in the table: all nodes know the same server for an address, before and after its owner failed. */
import { describe, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { ownerFails } from '../support/fleet-owner-fails.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('source-ip in mode table in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for([2, 3])('%i nodes', { timeout: 60_000 }, async (nodes, context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes, kinds: ['address'] });
    await ownerFails(fleet, 'address');
  });
});
