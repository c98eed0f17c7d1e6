/**
 * The metrics of the whole process, for `/metrics`: put together for each scrape, on the supervisor's thread, from what the threads
 * count in shared memory. Nothing here reads the session table: it counts the sessions of each server as it goes.
 */
import { setImmediate } from 'node:timers/promises';
import packageJson from '../../package.json' with { type: 'json' };
import type { LimpetOptions } from '../config/options.ts';
import { takesNewSessions } from '../fleet/health-report.ts';
import type { Load } from '../fleet/load.ts';
import type { Server } from '../fleet/server.ts';
import { skewOf } from '../fleet/skew.ts';
import { counterFamilies } from '../metrics/counter-families.ts';
import {
  type Exposition,
  expose,
  type Family,
  type LabelText,
  labelText,
  type Sample,
  sample,
  samplesOf,
} from '../metrics/exposition.ts';
import { type FleetFigures, fleetFamilies } from '../metrics/fleet-families.ts';
import { distributionOf } from '../metrics/histogram.ts';
import { one, processFamilies } from '../metrics/process-families.ts';
import { type PoolFigures, poolFamilies, type ServerFigures, serverFamilies } from '../metrics/server-families.ts';
import { type StoreFigures, storeFamilies } from '../metrics/store-families.ts';
import { type Numbers, poolName } from '../shared/slots.ts';
import type { SessionTable } from '../table/table.ts';
import type { Clock } from '../time/clock.ts';
import type { CertificateStatus } from './certificate-service.ts';
import { startBeats } from './heartbeat.ts';
import type { SharedState } from './shared-state.ts';

export interface MetricsServiceDependencies {
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  /** The servers of a pool with their state, as the supervisor sees them. */
  readonly serversOf: (pool: string) => readonly Server[];
  readonly state: Pick<SharedState, 'countersNow' | 'statsNow' | 'stats' | 'servers'> & {
    readonly table: Pick<SessionTable, 'count' | 'countCopied'>;
    readonly load: Load;
  };
  readonly certificates: () => readonly CertificateStatus[];
  /** null: there is no store. */
  readonly store: () => { readonly figures: StoreFigures } | null;
  /** null: there is no fleet. */
  readonly fleet: () => FleetFigures | null;
  readonly clock: Clock;
  readonly runtime: string;
}

/** With more servers than this, each has only sum and count of the whole duration, and what is 0 for most is left out. */
const maxInFull = 500;
/** Servers that are read in one turn of the event loop. */
const slice = 250;

export class MetricsService {
  private readonly deps: MetricsServiceDependencies;
  /** Scrapes under way, by what they accept: several at one time have one answer. */
  private readonly running = new Map<string, Promise<Exposition>>();
  private lastSeconds = 0;
  private stopBeats: () => void = () => {};

  constructor(deps: MetricsServiceDependencies) {
    this.deps = deps;
  }

  /** From now on the delay of the event loop of this thread is measured, too. */
  start(): void {
    const own = this.deps.state.stats.at(-1);
    this.stopBeats = startBeats((lateMs) => own?.looped(lateMs));
  }

  stop(): void {
    this.stopBeats();
  }

  /** In the format that the Accept header of a scrape prefers. */
  scrape(accept: string): Promise<Exposition> {
    const running = this.running.get(accept);
    if (running !== undefined) return running;
    const begun = this.collect(accept).finally(() => this.running.delete(accept));
    this.running.set(accept, begun);
    return begun;
  }

  private async collect(accept: string): Promise<Exposition> {
    const { clock } = this.deps;
    const begun = clock.monotonic();
    const exposition = await expose(await this.families(), accept);
    this.lastSeconds = (clock.monotonic() - begun) / 1000;
    return exposition;
  }

  private async families(): Promise<Family[]> {
    const { state, runtime } = this.deps;
    const { pools, servers } = await this.figures();
    const { version } = packageJson;
    return [
      {
        name: 'limpet_build_info',
        type: 'gauge',
        help: '1, with the version of Limpet and the runtime that it runs on.',
        samples: [sample(labelText({ version, runtime, runtime_version: process.versions[runtime] ?? '' }), 1)],
      },
      ...(await processFamilies(this.deps.clock.wall())),
      ...this.workerFamilies(),
      ...counterFamilies(state.countersNow()),
      ...this.tableFamilies(),
      ...this.storeFamilies(),
      ...this.fleetFamilies(),
      ...poolFamilies(pools),
      ...serverFamilies(servers, servers.length > maxInFull),
      this.certificateFamily(),
      one('limpet_scrape_duration_seconds', 'gauge', 'Seconds that the scrape before this one took.', this.lastSeconds),
    ];
  }

  private async figures(): Promise<{ pools: PoolFigures[]; servers: ServerFigures[] }> {
    const { options, numbers, serversOf, state } = this.deps;
    const { slots } = numbers();
    const pools: PoolFigures[] = [];
    const servers: ServerFigures[] = [];
    const count = options().pools.reduce((sum, { name }) => sum + serversOf(name).length, 0);
    for (const { name: pool } of options().pools) {
      const slot = slots.get(poolName(pool)) ?? 0;
      const members = serversOf(pool);
      const usable = members.filter(takesNewSessions);
      pools.push({
        labels: labelText({ pool }),
        stats: state.statsNow(slot),
        servers: members.length,
        usable: usable.length,
        inflight: state.load.running(slot),
        waiting: state.load.waiting(slot),
        skew: skewOf(usable.map(({ slot, weight }) => ({ weight, sessions: state.table.count(slot) }))) ?? 0,
      });
      for (const server of members) {
        if (servers.length % slice === slice - 1) await setImmediate();
        servers.push(this.figuresOf(server, labelText({ pool, server: server.name }), count <= maxInFull));
      }
    }
    return { pools, servers };
  }

  private figuresOf(server: Server, labels: LabelText, withBuckets: boolean): ServerFigures {
    const { state } = this.deps;
    const { table, load } = state;
    const { slot } = server;
    const sessions = table.count(slot);
    const copied = Math.min(sessions, table.countCopied(slot));
    return {
      labels,
      stats: state.statsNow(slot, withBuckets),
      isUp: server.state !== 'down',
      isDrained: server.report.drained,
      weight: server.weight,
      inflight: load.running(slot),
      streams: load.streams(slot),
      tunnels: load.tunnels(slot),
      copied,
      uncopied: sessions - copied,
    };
  }

  private workerFamilies(): Family[] {
    const { stats } = this.deps.state;
    const name = 'limpet_worker_event_loop_delay_seconds';
    const samples: Sample[] = [];
    const last: Sample[] = [];
    for (const [i, worker] of stats.entries()) {
      const labels = labelText({ worker: i === stats.length - 1 ? 'supervisor' : String(i + 1) });
      samples.push(...samplesOf(labels, distributionOf([worker.loopDelay])));
      last.push(sample(labels, worker.lastLoopDelayMs / 1000));
    }
    return [
      one('limpet_workers', 'gauge', 'Worker threads of the config.', stats.length - 1),
      {
        name,
        type: 'histogram',
        help: 'Seconds by which an event loop was late, looked at 4 times a second.',
        samples,
      },
      {
        name: 'limpet_worker_event_loop_last_delay_seconds',
        type: 'gauge',
        help: 'Seconds by which it was late the last time.',
        samples: last,
      },
    ];
  }

  private tableFamilies(): Family[] {
    const { servers, table } = this.deps.state;
    let sessions = 0;
    for (const [, slot] of servers.entries()) sessions += table.count(slot);
    const { capacity } = this.deps.options().table;
    return [
      one(
        'limpet_table_sessions',
        'gauge',
        'Sessions in the session table, those of removed servers included.',
        sessions,
      ),
      one(
        'limpet_table_capacity_sessions',
        'gauge',
        'Sessions for which the table is made (table.capacity).',
        capacity,
      ),
    ];
  }

  private storeFamilies(): Family[] {
    const store = this.deps.store();
    return store === null ? [] : storeFamilies(store.figures);
  }

  private fleetFamilies(): Family[] {
    const figures = this.deps.fleet();
    return figures === null ? [] : fleetFamilies(figures);
  }

  private certificateFamily(): Family {
    const now = Math.floor(this.deps.clock.now() / 1000);
    return {
      name: 'limpet_certificate_expiry_timestamp_seconds',
      type: 'gauge',
      help: 'When the certificate expires, Unix seconds.',
      samples: this.deps
        .certificates()
        .map(({ field, file, secondsLeft }) => sample(labelText({ field, file }), now + secondsLeft)),
    };
  }
}
