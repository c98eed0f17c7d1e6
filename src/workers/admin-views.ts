/** What the admin API says of the running balancer as a whole. What it says of one server is in server-control.ts. */
import { createHash } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import type { ConfigView, FleetView, Health, PoolView, ServerView, Status, WorkerView } from '../admin/schemas.ts';
import { effectiveConfig } from '../config/effective.ts';
import type { LimpetOptions } from '../config/options.ts';
import { takesNewSessions } from '../fleet/health-report.ts';
import type { Load } from '../fleet/load.ts';
import { skewOf } from '../fleet/skew.ts';
import { type Numbers, poolName } from '../shared/slots.ts';
import { schemeOf } from '../store/addresses.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Readiness } from './readiness.ts';
import type { RequestRates } from './request-rates.ts';
import type { ServerControl } from './server-control.ts';
import type { WorkerStatus } from './worker-group.ts';

export interface AdminViewsDependencies {
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  readonly monitor: Pick<HealthMonitor, 'stateOf'>;
  readonly servers: Pick<ServerControl, 'list'>;
  readonly load: Pick<Load, 'waiting'>;
  readonly counters: () => Record<string, number>;
  readonly workers: () => readonly WorkerStatus[];
  readonly readiness: Pick<Readiness, 'now'>;
  readonly rates: Pick<RequestRates, 'of'>;
  readonly fleet: { readonly notes: readonly string[]; view(): FleetView | null };
  /** How late (ms) the event loop of a worker, from 0, was the last time. */
  readonly loopDelay: (worker: number) => number;
  /** null: there is none. */
  readonly store: () => { readonly incarnation: string } | null;
  /** Path of the config file; null: the config came in another way. */
  readonly configFile: string | null;
  /** `bun` or `node`. */
  readonly runtime: string;
  /** Unix ms at which the process started. */
  readonly startedAt: number;
}

export class AdminViews {
  private readonly deps: AdminViewsDependencies;
  /** The last view of the config, and of which options it is: it is asked for with every status. */
  private shown: { readonly options: LimpetOptions; readonly view: ConfigView } | null = null;

  constructor(deps: AdminViewsDependencies) {
    this.deps = deps;
  }

  async pools(): Promise<PoolView[]> {
    const { options, numbers, load, rates } = this.deps;
    const all = await this.deps.servers.list();
    const { slots } = numbers();
    return options().pools.map(({ name, balance }): PoolView => {
      const servers = all.filter(({ pool }) => pool === name);
      const usable = servers.filter(takesNewSessions);
      return {
        name,
        balance,
        servers: servers.length,
        usable: usable.length,
        sessions: sumOf(servers),
        skew: rounded(skewOf(usable.map(({ weight, sessions }) => ({ weight, sessions: sessions.live })))),
        inflight: servers.reduce((sum, { inflight }) => sum + inflight, 0),
        waiting: Math.max(0, load.waiting(slots.get(poolName(name)) ?? 0)),
        requestsPerSecond: rates.of(name),
      };
    });
  }

  workers(): WorkerView[] {
    const { workers, loopDelay } = this.deps;
    return workers().map(({ worker, ...rest }) => ({
      worker: worker + 1,
      ...rest,
      loopDelayMs: Math.round(loopDelay(worker) * 10) / 10,
    }));
  }

  async status(): Promise<Status> {
    const { options, counters, store, configFile, runtime, startedAt } = this.deps;
    const { sessions } = options();
    const counted = counters();
    return {
      version: packageJson.version,
      runtime,
      pid: process.pid,
      startedAt: isoTime(startedAt),
      configFile,
      configHash: this.config().hash,
      workers: this.workers(),
      store: sessions && {
        kind: schemeOf(sessions.store),
        replication: sessions.replication,
        incarnation: store()?.incarnation ?? '',
        lag: Math.max(0, counted.copies_lag ?? 0),
      },
      counters: counted,
      sessions: sumOf(await this.deps.servers.list()),
    };
  }

  config(): ConfigView {
    const options = this.deps.options();
    if (this.shown?.options !== options) {
      const config = effectiveConfig(options);
      const hash = createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 16);
      this.shown = { options, view: { file: this.deps.configFile, hash, config } };
    }
    return this.shown.view;
  }

  fleet(): FleetView | null {
    return this.deps.fleet.view();
  }

  health(): Promise<Health> {
    const { options, monitor, readiness, fleet } = this.deps;
    const pools = options().pools.map(({ name, servers }) => {
      const found = servers.map((server) => monitor.stateOf(name, server.name));
      const countOf = (wanted: string) => found.filter(({ state }) => state === wanted).length;
      return { name, up: countOf('up'), draining: countOf('draining'), down: countOf('down') };
    });
    return Promise.resolve({ ...readiness.now(), notes: [...fleet.notes], pools });
  }
}

function sumOf(servers: readonly ServerView[]): PoolView['sessions'] {
  const sum = { live: 0, copied: 0, uncopied: 0 };
  for (const { sessions } of servers) {
    sum.live += sessions.live;
    sum.copied += sessions.copied;
    sum.uncopied += sessions.uncopied;
  }
  return sum;
}

function rounded(skew: number | null): number | null {
  return skew === null ? null : Math.round(skew * 1000) / 1000;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
