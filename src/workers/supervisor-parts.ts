/**
 * The parts of a supervisor, made and connected. Each part gets functions of the others, so that it can be tested alone; what they
 * do, and in which order they start and stop, is in supervisor.ts.
 */
import { join } from 'node:path';
import type { ConfigFile } from '../admin/dependencies.ts';
import type { LimpetOptions } from '../config/options.ts';
import { namedNet } from '../discovery/named-net.ts';
import { Names } from '../discovery/names.ts';
import { EventBus } from '../events/bus.ts';
import type { WriteLines } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import type { Address, Net } from '../net/socket.ts';
import type { FleetKeyHolder } from '../nodes/fleet-keys.ts';
import { ProbeVerdict } from '../shared/probe-verdict.ts';
import { poolName } from '../shared/slots.ts';
import type { InjectedFault } from '../store/injected-fault.ts';
import { census } from '../table/census.ts';
import { type Clock, systemTimers, type Timers, unixSeconds } from '../time/clock.ts';
import type { ClockSources } from '../time/steady.ts';
import { AdminService } from './admin-service.ts';
import { type AutoCertificate, CertificateService } from './certificate-service.ts';
import { ConfigRollout } from './config-rollout.ts';
import { DescriptorRoom, systemLimits } from './descriptor-room.ts';
import { EmptyWatch } from './empty-watch.ts';
import { findNames } from './find-names.ts';
import { FleetNodes } from './fleet-nodes.ts';
import type { FleetOwners } from './fleet-owners.ts';
import { HealthMonitor } from './health-monitor.ts';
import { createHeartbeats, HangDetector } from './heartbeat.ts';
import { clockFor } from './injected-faults.ts';
import { KeyControl } from './key-control.ts';
import { LimitWatch } from './limit-watch.ts';
import { explainLive } from './live-explain.ts';
import { MetricsService } from './metrics-service.ts';
import { Readiness } from './readiness.ts';
import { RequestRates } from './request-rates.ts';
import { ServerControl } from './server-control.ts';
import { SessionControl } from './session-control.ts';
import { SharedState } from './shared-state.ts';
import { formatShortage, ShortageLimiter } from './shortage-limiter.ts';
import type { StoreService } from './store-service.ts';
import { TableSaver } from './table-saver.ts';
import { Timekeeper } from './timekeeper.ts';
import { TraceExport } from './trace-export.ts';
import { createEventHandler } from './worker-events.ts';
import { WorkerGroup } from './worker-group.ts';
import { type SpawnThread, spawnFrom } from './worker-thread.ts';

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface SupervisorDependencies {
  readonly net: Net;
  readonly log: Log;
  /** Takes whole lines of the access log. */
  readonly writeAccess: WriteLines;
  /** For the tokens when the config names no keys: the first one signs, all of them verify. */
  readonly tokenKeys: () => readonly Buffer[];
  /** The keys of the fleet. Left out: there is none. */
  readonly fleetKeys?: FleetKeyHolder | null;
  /** Key of the hashes under which the session table and its file know sessions. */
  readonly tableSecret: Buffer;
  /** File of the session table. */
  readonly tableFile: string;
  /** Path of the config file, for those who ask. Left out: the config came in another way. */
  readonly configFile?: string | null;
  /** Reads that file again, for the admin API. Left out: it cannot be read. */
  readonly config?: ConfigFile | null;
  /** Makes the files of `tls: auto`, or renews them. Left out: a config with it is refused. */
  readonly autoCertificate?: AutoCertificate;
  /** Encrypts an lmdb store when the config names no key. Left out: the store keeps a key of its own in its folder. */
  readonly storeKey?: () => Buffer;
  /** For tests of the tests: breaks one promise of the store. Left out: none. */
  readonly injectedFault?: InjectedFault | null;
  /** For tests: seconds for which the table keeps an ended session dead. Left out: a minute. */
  readonly tombstoneTime?: number | undefined;
  /** Starts a thread that runs a worker. Default: worker.ts beside this file. */
  readonly spawn?: SpawnThread;
  readonly timers?: Timers;
  /** The clocks of this machine, for tests. */
  readonly clockSources?: ClockSources;
  readonly random?: () => number;
  /** Looks up a host name of servers. Default: as this machine does, and with the TTL. */
  readonly findName?: ConstructorParameters<typeof Names>[0]['find'];
}

/** What the parts need of the supervisor itself. */
export interface SupervisorHooks {
  /** null: no copies of sessions are kept, or the store is not open yet. */
  readonly store: () => StoreService | null;
  /** null: this is the only balancer. */
  readonly fleetOwners: () => FleetOwners | null;
  readonly isStopping: () => boolean;
  readonly onHung: (worker: number) => void;
  readonly acceptFailed: (error: Error, at: Address) => void;
}

export interface SupervisorParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly events: EventBus;
  readonly state: SharedState;
  readonly timekeeper: Timekeeper;
  readonly names: Names;
  readonly monitor: HealthMonitor;
  readonly servers: ServerControl;
  readonly descriptorRoom: DescriptorRoom;
  readonly shortages: ShortageLimiter;
  readonly limits: LimitWatch;
  readonly rollout: ConfigRollout;
  readonly certificates: CertificateService;
  readonly workers: WorkerGroup;
  readonly hangs: HangDetector;
  readonly tableSaver: TableSaver;
  readonly admin: AdminService;
  readonly metrics: MetricsService;
  readonly traceExport: TraceExport;
  readonly readiness: Readiness;
  readonly emptyWatch: EmptyWatch;
  readonly rates: RequestRates;
  readonly fleetNodes: FleetNodes;
}

export function createParts(
  options: LimpetOptions,
  deps: SupervisorDependencies,
  hooks: SupervisorHooks,
): SupervisorParts {
  const { net, log, injectedFault = null, timers = systemTimers, random = Math.random, tableSecret } = deps;
  const { store } = hooks;
  const { stateDir } = options;
  const state = new SharedState({
    capacity: options.table.capacity,
    workers: options.workers,
    tombstoneTime: injectedFault === 'tombstones' ? 0 : deps.tombstoneTime,
    isSlotExpected: (slot) => store()?.expects(slot) === true,
  });
  const { load, counters, table, descriptors } = state;
  const shared = state.buffers.clock;
  const timekeeper = new Timekeeper({
    shared,
    file: join(stateDir, 'clock'),
    timers,
    counters,
    log,
    ...(deps.clockSources && { sources: deps.clockSources }),
  });
  const clock = clockFor(timekeeper.clock, injectedFault);
  const events = new EventBus(clock, (error) => log.error(`a subscriber of events has failed: ${stackOf(error)}`));
  const shortages = new ShortageLimiter(clock, (what, reason, at) => log.warn(formatShortage(what, reason, at)));
  const limits = new LimitWatch({ counters: () => state.countersNow(), events, clock, timers });
  const descriptorRoom = new DescriptorRoom({ descriptors, limits: systemLimits, timers, log });
  const find = deps.findName ?? findNames({ net, timers });
  const names = new Names({ find, timers, counters, log, onChange: () => rollout.applyNames() });
  const monitor = new HealthMonitor({
    net: namedNet({
      net,
      timers,
      addressesOf: (name) => names.of(name),
      addressTimeout: () => rollout.options.resolver.addressTimeout,
    }),
    log,
    clock,
    timers,
    random,
    load,
    counters,
    events,
    reportShortage: (reason, at) => shortages.report('connect', reason, at),
    publish: (pool, healthReports) => rollout.publishHealth(pool, healthReports),
  });
  const certificates = new CertificateService({
    runtime: net.runtime,
    clock,
    timers,
    counters,
    log,
    events,
    autoCertificate: deps.autoCertificate ?? null,
    onChange: () => {
      rollout.renewCertificates().catch((error: unknown) => log.error(`certificates were not read again: ${error}`));
    },
    onAdminPair: (pair) => {
      admin.usePair(pair).catch((error: unknown) => log.error(`admin does not listen any more: ${error}`));
    },
  });
  const rollout: ConfigRollout = new ConfigRollout(options, {
    state,
    names,
    monitor,
    descriptorRoom,
    certificates,
    workers: () => workers,
    store,
    fleetOwners: hooks.fleetOwners,
    changes: () => servers.changes,
    settleChanges: (pools) => {
      fleetNodes.dropped(servers.settle(pools));
      fleetNodes.changed();
    },
    shareLimits: (given) => fleetNodes.shareLimits(given),
    tokenKeys: deps.tokenKeys,
    tableSecret,
    net,
    clock,
    timers,
    log,
    events,
  });
  const traceExport = new TraceExport({ counters, timers, log });
  const heartbeats = createHeartbeats(options.workers);
  const hangs = new HangDetector({
    heartbeats,
    clock,
    timers,
    timeoutMs: () => rollout.options.workerTimeout,
    onHung: hooks.onHung,
  });
  const workers: WorkerGroup = new WorkerGroup({
    spawn: deps.spawn ?? spawnFrom(ownEntry),
    count: options.workers,
    clock,
    timers,
    log,
    initFor: (worker) => ({
      worker,
      buffers: state.buffers,
      config: rollout.configFor(worker),
      heartbeats,
      store: store()?.connect() ?? null,
    }),
    configFor: (worker) => rollout.configFor(worker),
    configVersion: () => state.configVersion.versions.configs,
    onListening: (worker, listening) => {
      if (!hooks.isStopping()) hangs.watch(worker);
      if (worker === 0) rollout.listening(listening);
    },
    onEvent: createEventHandler({
      options: () => rollout.options,
      monitor,
      events,
      shortages,
      writeAccess: deps.writeAccess,
      exportTraces: (traces) => traceExport.add(traces),
      injectedFault,
      broadcast: (message, except) => workers.broadcast(message, except),
      log,
    }),
    onLost: (worker, reason) => {
      events.publish('worker.replaced', { worker: worker + 1, reason });
      hangs.unwatch(worker);
      counters.add(counter.workers_replaced);
      state.releaseWorker(worker);
    },
  });
  const tableSaver = new TableSaver({
    file: deps.tableFile,
    saved: () => ({
      table,
      servers: state.servers,
      lifetimes: state.lifetimes.names(),
      copies: store()?.incarnation ?? '',
      secret: tableSecret,
    }),
    interval: options.table.save,
    clock,
    timers,
    log,
  });
  const servers: ServerControl = new ServerControl({
    file: join(stateDir, 'servers.json'),
    options: () => rollout.options,
    numbers: () => rollout.numbers,
    reapply: () => rollout.reapply(),
    sync: () => workers.sync(),
    monitor,
    load,
    table,
    census: () => census(table, unixSeconds(clock)),
    elsewhere: (pool, server) => fleetNodes.drainElsewhere(pool, server),
    onSaid: (changed) => fleetNodes.said(changed),
    clock,
    timers,
    log,
  });
  const emptyWatch = new EmptyWatch({
    events,
    isDrained: (pool, server) => monitor.stateOf(pool, server).drained,
    whenEmpty: (pool, server, signal) => servers.drained(pool, server, Number.POSITIVE_INFINITY, signal, emptyPollMs),
  });
  const metrics = new MetricsService({
    options: () => rollout.options,
    numbers: () => rollout.numbers,
    serversOf: (pool) => monitor.serversOf(pool),
    state,
    certificates: () => certificates.status(),
    store,
    fleet: () => fleetNodes.figures,
    clock,
    runtime: net.runtime,
  });
  const readiness = new Readiness({
    options: () => rollout.options,
    serversOf: (pool) => monitor.serversOf(pool),
    workers: () => workers.status,
    silent: () => hangs.silent,
    // A fleet goes on without its store, as far as that is possible; without any of its balancers it would not.
    store: () => (rollout.options.fleet === null ? store() : null),
    verdict: new ProbeVerdict(state.buffers.probeVerdict),
    clock,
    timers,
  });
  const rates = new RequestRates({
    pools: () =>
      new Map(rollout.options.pools.map(({ name }) => [name, rollout.numbers.slots.get(poolName(name)) ?? 0])),
    requests: (slot) => state.requestsNow(slot),
    clock,
    timers,
  });
  const fleetNodes: FleetNodes = new FleetNodes({
    options: () => rollout.options,
    numbers: () => rollout.numbers,
    keys: deps.fleetKeys ?? null,
    table,
    rates,
    servers,
    monitor,
    rollout,
    runtime: net.runtime,
    events,
    clock,
    timers,
    log,
  });
  const admin: AdminService = new AdminService({
    pair: () => certificates.adminPair,
    metrics: (accept) => metrics.scrape(accept),
    options: () => rollout.options,
    numbers: () => rollout.numbers,
    monitor,
    servers,
    sessions: new SessionControl({
      options: () => rollout.options,
      numbers: () => rollout.numbers,
      table,
      tableSecret,
      load,
      counters,
      clock,
      events,
      store,
    }),
    load,
    counters: () => state.countersNow(),
    workers: () => workers.status,
    readiness,
    rates,
    fleet: fleetNodes,
    keys: new KeyControl({
      options: () => rollout.options,
      rollout,
      keys: deps.fleetKeys ?? null,
      fleet: fleetNodes,
      clock,
      log,
    }),
    loopDelay: (worker) => state.loopDelayNow(worker),
    store,
    configFile: deps.configFile ?? null,
    runtime: net.runtime,
    startedAt: clock.wall(),
    config: deps.config ?? null,
    events,
    timers,
    explain: (request) =>
      explainLive(request, {
        options: () => rollout.options,
        numbers: () => rollout.numbers,
        tableSecret,
        load,
        clock,
        monitor,
        table,
        random,
      }),
    acceptFailed: hooks.acceptFailed,
    log,
  });
  return {
    clock,
    timers,
    events,
    state,
    timekeeper,
    names,
    monitor,
    servers,
    descriptorRoom,
    shortages,
    limits,
    rollout,
    certificates,
    workers,
    hangs,
    tableSaver,
    admin,
    metrics,
    traceExport,
    readiness,
    emptyWatch,
    rates,
    fleetNodes,
  };
}

/** Nobody waits for it: a drain of a whole day costs next to nothing. */
const emptyPollMs = 1000;

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Beside this file, in its language: source while Limpet is developed, JavaScript when it is installed. */
const ownEntry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
