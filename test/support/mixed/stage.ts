/**
 * A whole run of the mixed load: app servers, the balancer, the driver, and what happens to the servers meanwhile. Leaves
 * nothing behind, and answers what the checker says together with the sessions that the balancer's table holds.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLimpet } from '../limpet.ts';
import type { Runtime } from '../runtimes.ts';
import { AppServers } from './app-servers.ts';
import { expectedCounts, type Judgement, judge, type Margins } from './checker.ts';
import { kinds } from './kinds.ts';
import { startLoad } from './load.ts';
import { readArrivals, readOutcomes } from './record.ts';

/** At a share of the time: what is done to which server. */
export type Event = readonly [at: number, action: 'add' | 'remove' | 'kill' | 'start', server: string];

export interface MixedRun {
  readonly workers: number;
  readonly clients: number;
  readonly seconds: number;
  readonly connections: number;
  /** Milliseconds. */
  readonly pause: number;
  readonly renew: number;
  /** In the config at the beginning. */
  readonly servers: readonly string[];
  readonly events: readonly Event[];
  readonly margins: Margins;
}

export interface MixedResult {
  readonly judgement: Judgement;
  /** Sessions by `pool/server`: as the logs have it, and as the table has it. */
  readonly expected: Readonly<Record<string, number>>;
  readonly counted: Readonly<Record<string, number>>;
  /** The balancer's own counters at the end. */
  readonly counters: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly timeline: readonly string[];
}

export async function runMixed(runtime: Runtime, run: MixedRun): Promise<MixedResult> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-mixed-'));
  try {
    return await runIn(folder, runtime, run);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, runtime: Runtime, run: MixedRun): Promise<MixedResult> {
  await using servers = new AppServers(folder, run);
  await servers.start(run.servers);
  await using limpet = await startLimpet(runtime, { config: servers.config() });
  servers.limpet = limpet;
  const { clients, connections, pause, renew, seconds } = run;
  const log = join(folder, 'driver.out');
  await using load = await startLoad({ port: limpet.port, clients, connections, pause, renew, log, seed: 20_26 });
  const begin = performance.now();
  for (const [at, action, name] of run.events) {
    await sleep(Math.max(0, begin + at * seconds * 1000 - performance.now()));
    await servers[action](name);
  }
  await sleep(Math.max(0, begin + seconds * 1000 - performance.now()));
  const took = (performance.now() - begin) / 1000;
  const requests = await load.finish();
  const [sessions, counters] = [await limpet.sessions(), await limpet.counters()];
  // A server that has just come may have none; the logs say nothing of it then.
  const counted = Object.fromEntries(Object.entries(sessions).filter(([, count]) => count > 0));

  const outcomes = readOutcomes(readFileSync(log, 'utf8'));
  const arrivals = servers.names.flatMap((name) =>
    readArrivals(name, readFileSync(join(folder, `${name}.log`), 'utf8')),
  );
  const judgement = judge({ arrivals, outcomes, outages: servers.outages, margins: run.margins });
  const pools = new Map(kinds.map(({ name, pool }) => [name, pool]));
  const expected = Object.fromEntries(expectedCounts(judgement, outcomes, (kind) => pools.get(kind) ?? ''));
  return { judgement, expected, counted, counters, perSecond: Math.round(requests / took), timeline: servers.timeline };
}
