/**
 * Clients of every kind on four workers while servers are added, removed and killed: no request on a wrong server while its
 * owner is usable, no failed request that could be repeated, and the table's counts are those of the servers' logs.
 *
 * 500 clients for 12 s by default; LIMPET_MIXED=full (`npm run mixed`): 10,000 clients for 60 s.
 */
import { expect, test } from 'vitest';
import { type MixedResult, type MixedRun, runMixed } from '../support/mixed/stage.ts';
import { runtimes } from '../support/runtimes.ts';

const full = process.env.LIMPET_MIXED === 'full';

const second = 1_000_000;

const run: MixedRun = {
  workers: 4,
  clients: full ? 10_000 : 500,
  seconds: full ? 60 : 12,
  connections: 256,
  pause: full ? 2_000 : 700,
  renew: 0.02,
  servers: ['a', 'b', 'c', 'd'],
  events: [
    [0.1, 'add', 'e'],
    [0.2, 'kill', 'b'],
    [0.32, 'start', 'b'],
    [0.42, 'remove', 'a'],
    [0.52, 'kill', 'e'],
    [0.64, 'start', 'e'],
    [0.72, 'add', 'a'],
    [0.78, 'kill', 'c'],
    [0.88, 'start', 'c'],
  ],
  // Checks come twice a second and an ejection takes a second; a busy machine needs some time of its own.
  margins: { late: second, recovery: full ? 3 * second : 1.5 * second },
};

test.each(runtimes)('clients of all kinds stay with their server on %s', { timeout: 150_000 }, async (runtime) => {
  const result = await runMixed(runtime, run);
  console.log(tell(runtime, result));
  const { judgement, expected, counted } = result;
  expect(judgement.violations.slice(0, 20)).toEqual([]);
  expect(judgement.moves.killed).toBeGreaterThan(run.clients / 20);
  expect(judgement.moves.removed).toBeGreaterThan(run.clients / 20);
  // Each move has begun an epoch, and the answers have told of it.
  expect(judgement.epochs).toBeGreaterThan(judgement.sessions + judgement.moves.removed);
  expect(nonZero(counted)).toEqual(nonZero(expected));
  // Every server has something of every pool: nobody is left out, neither the new one nor those that came back.
  expect(Object.keys(nonZero(expected)).toSorted()).toEqual(
    ['address', 'mixed'].flatMap((pool) => ['a', 'b', 'c', 'd', 'e'].map((name) => `${pool}/${name}`)),
  );
});

function nonZero(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

function tell(runtime: string, { judgement, perSecond, timeline, expected, counters }: MixedResult): string {
  const { requests, sessions, arrivals, moves, late, failures, excused, violations } = judgement;
  return [
    `${runtime}: ${run.clients} clients for ${run.seconds} s on ${run.workers} workers: ${timeline.join(', ')}`,
    `  ${requests} requests (${perSecond} a second), ${arrivals} arrivals at servers, ${sessions} sessions`,
    `  moves: ${moves.killed} from killed, ${moves.removed} from removed servers; ${late} late; violations: ${violations.length}`,
    `  failed: ${JSON.stringify(failures)}, of these not repeatable on a killed server: ${excused}; retries: ${counters.retries}`,
    `  sessions: ${JSON.stringify(expected)}`,
  ].join('\n');
}
