/**
 * The short form of `npm run fleet:proof -- --store cluster`: slots move between three primaries key by key while all kinds of clients use
 * three nodes, servers and nodes die. No request came to a wrong server, and nothing that was acknowledged is lost.
 */
import { describe, expect, test } from 'vitest';
import { type ChangeName, flawsOf, format, prove } from '../fleet/proof.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const seed = Math.floor(Math.random() * 1e9);
const changes: readonly ChangeName[] = ['slot moved', 'slot moved and server killed', 'server and node killed'];

describe.each(runtimes)('a fleet on a cluster on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test(`no request at a wrong server, seed ${seed}`, { timeout: 180_000 }, async (context) => {
    needProgram(context, 'redis');
    const setup = { nodes: 3, servers: 4, clientsOfKind: 2, requests: 100, store: 'cluster' } as const;
    const report = await prove({ runtime, changes, seed, ...setup });
    expect(flawsOf(report), format(runtime, report)).toEqual([]);
    expect(report.moves).toBeGreaterThan(0);
  });
});
