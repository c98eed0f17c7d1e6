/** Sessions of Socket.IO without cookies: the id of a handshake at one node leads home at all others, and after its owner failed. */
import { describe, test } from 'vitest';
import { startFleet } from '../support/fleet.ts';
import { ownerFails } from '../support/fleet-owner-fails.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('Socket.IO in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test.for([2, 3])('%i nodes', { timeout: 60_000 }, async (nodes, context) => {
    needProgram(context, 'redis');
    await using fleet = await startFleet(runtime, { nodes, kinds: ['socket.io'] });
    await ownerFails(fleet, 'socket.io');
  });
});
