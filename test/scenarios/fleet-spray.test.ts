/**
 * The short form of `npm run fleet:proof`: three nodes, six servers, clients of every kind at all nodes, while servers and nodes are killed,
 * drained, taken down and added. By the servers' own logs no request came to a wrong server.
 */
import { describe, expect, test } from 'vitest';
import { type ChangeName, flawsOf, format, prove } from '../fleet/proof.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const seed = Math.floor(Math.random() * 1e9);
const changes: readonly ChangeName[] = [
  'server killed',
  'server drained',
  'node killed',
  'server added',
  'server taken down',
  'server and node killed',
  'node added',
];

describe.each(runtimes)('a fleet that changes on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test(`no request at a wrong server, seed ${seed}`, { timeout: 180_000 }, async (context) => {
    needProgram(context, 'redis');
    const report = await prove({ runtime, nodes: 3, servers: 6, clientsOfKind: 3, changes, requests: 150, seed });
    expect(flawsOf(report), format(runtime, report)).toEqual([]);
    expect(report.moves).toBeGreaterThan(0);
  });
});
