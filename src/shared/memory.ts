/** The memory that all threads of a balancer share: the session table, the load, the counters and statistics of each worker, and the config version. */
import { Load } from '../fleet/load.ts';
import { Counters, counterRows } from '../metrics/counters.ts';
import { ExchangeStats } from '../metrics/exchange-stats.ts';
import { Descriptors } from '../net/descriptors.ts';
import { maxServers } from '../table/layout.ts';
import { SessionTable } from '../table/table.ts';
import { SteadyClock } from '../time/steady.ts';
import { ConfigVersion } from './config-version.ts';
import { MissedMoves } from './missed-moves.ts';
import { ProbeVerdict } from './probe-verdict.ts';

/** The servers, pools and listeners that can have a slot at one time, plus slot 0, which nobody has. */
const slots = maxServers + 1;

/** The shared memory as it is passed to a thread. */
export interface SharedBuffers {
  readonly table: SharedArrayBuffer;
  readonly load: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** One for each worker. */
  readonly stats: readonly SharedArrayBuffer[];
  readonly configVersion: SharedArrayBuffer;
  readonly descriptors: SharedArrayBuffer;
  readonly probeVerdict: SharedArrayBuffer;
  readonly missedMoves: SharedArrayBuffer;
  /** The clock that all threads share (time/steady.ts). */
  readonly clock: SharedArrayBuffer;
}

/** The same memory, as objects that one worker uses. */
export interface Shared {
  readonly table: SessionTable;
  readonly load: Load;
  readonly counters: Counters;
  readonly stats: ExchangeStats;
  readonly configVersion: ConfigVersion;
  readonly descriptors: Descriptors;
  readonly probeVerdict: ProbeVerdict;
  readonly missedMoves: MissedMoves;
}

/** `capacity`: sessions that the table must hold. `tombstoneTime`: seconds for which an ended session stays dead; default: a minute. */
export function createShared(capacity: number, workers: number, tombstoneTime?: number): SharedBuffers {
  return {
    table: SessionTable.create({ capacity, servers: maxServers, tombstoneTime }).buffer,
    load: Load.create(slots, workers),
    counters: new SharedArrayBuffer(workers * counterRows.length * 8),
    stats: Array.from({ length: workers }, () => ExchangeStats.create(slots)),
    configVersion: ConfigVersion.create(),
    descriptors: Descriptors.create(workers),
    probeVerdict: ProbeVerdict.create(),
    missedMoves: MissedMoves.create(),
    clock: SteadyClock.share(),
  };
}

/** For worker number `worker`, from 0. Writer 0 of the table is the supervisor, so worker n is writer n + 1. */
export function attach(buffers: SharedBuffers, worker: number): Shared {
  return {
    table: SessionTable.attach(buffers.table, worker + 1),
    load: new Load(buffers.load, slots, worker),
    counters: countersOf(buffers, worker),
    stats: statsOf(buffers, worker),
    configVersion: new ConfigVersion(buffers.configVersion),
    descriptors: new Descriptors(buffers.descriptors, worker),
    probeVerdict: new ProbeVerdict(buffers.probeVerdict),
    missedMoves: new MissedMoves(buffers.missedMoves),
  };
}

/** The counters of one worker. */
export function countersOf({ counters }: SharedBuffers, worker: number): Counters {
  const rows = counterRows.length;
  return new Counters(new Float64Array(counters, worker * rows * 8, rows));
}

/** The statistics of one worker. Throws RangeError when there is no such worker. */
export function statsOf({ stats }: SharedBuffers, worker: number): ExchangeStats {
  const buffer = stats[worker];
  if (buffer === undefined) throw new RangeError(`no room for worker ${worker}`);
  return new ExchangeStats(buffer, slots);
}

/** The sums of all workers' counters, by name. */
export function sumCounters(buffers: SharedBuffers, workers: number): Record<string, number> {
  const sum = new Counters();
  for (let worker = 0; worker < workers; worker++) {
    for (const [row, value] of countersOf(buffers, worker).values.entries()) sum.add(row, value);
  }
  return sum.snapshot();
}

/** For a worker that died: its gauges (what it had open) become 0, its counters stay. */
export function closeGauges(buffers: SharedBuffers, worker: number): void {
  const { values } = countersOf(buffers, worker);
  for (const [row, { kind }] of counterRows.entries()) if (kind === 'gauge') values[row] = 0;
}
