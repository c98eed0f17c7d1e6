/**
 * The supervisor: starts the workers and replaces those that fail, judges health for all of them, hands new configs
 * over, and keeps the table.
 *
 *      config, signals ──> supervisor ───── health reports, configs ─────> worker 1, 2, ... N
 *                              ^  <──── passive reports, logs, access lines ──────┘
 *                              └── shared memory: session table, load, counters ──┘
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ServerStatus } from '../admin/admin.ts';
import type { LimpetOptions, ListenerOptions } from '../config/options.ts';
import { namedNet } from '../discovery/named-net.ts';
import { Names } from '../discovery/names.ts';
import { resolveServers } from '../discovery/servers.ts';
import { codeOf, UsageError } from '../errors.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import type { WriteLines } from '../metrics/access-log.ts';
import { type CounterName, type Counters, counter } from '../metrics/counters.ts';
import { listenError } from '../net/listen-error.ts';
import { shortageOf } from '../net/shortage.ts';
import { type Address, formatAddress, type Net } from '../net/socket.ts';
import type { ConfigVersion } from '../shared/config-version.ts';
import { attach, closeGauges, countersOf, createShared, type SharedBuffers, sumCounters } from '../shared/memory.ts';
import { listenerName, type Numbers, numberAll } from '../shared/slots.ts';
import type { InjectedFault } from '../store/injected-fault.ts';
import { Lifetimes } from '../table/lifetimes.ts';
import { ServerNumbers } from '../table/numbers.ts';
import { SessionTable } from '../table/table.ts';
import { type Clock, systemTimers, type Timers } from '../time/clock.ts';
import { AdminService } from './admin-service.ts';
import { DescriptorRoom, systemLimits } from './descriptor-room.ts';
import { readDrained, writeDrained } from './drained.ts';
import { findNames } from './find-names.ts';
import { ForeignCookies } from './foreign-cookies.ts';
import { HealthMonitor } from './health-monitor.ts';
import { createBeats, HangDetector } from './heartbeat.ts';
import { deciding, namedInReports } from './injected-faults.ts';
import type { WorkerConfig } from './messages.ts';
import { isPortTaken } from './port-check.ts';
import { Shortages, sayShortage } from './shortages.ts';
import { Storage } from './storage.ts';
import { TableSaver } from './table-saver.ts';
import { Threads } from './threads.ts';
import { Timekeeper } from './timekeeper.ts';

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
  /** Signs the tokens when the config names no keys. */
  readonly tokenKey: () => Buffer;
  /** Secret behind the names in the session table and its file. */
  readonly tableSecret: Buffer;
  /** File of the session table. */
  readonly tableFile: string;
  /** Encrypts an lmdb store when the config names no key. Left out: the store keeps a key of its own in its folder. */
  readonly storeKey?: () => Buffer;
  /** For tests of tests: breaks one promise of the store. Left out: none. */
  readonly injectedFault?: InjectedFault | null;
  /** For tests: seconds for which the table keeps an ended session dead. Left out: a minute. */
  readonly tombstoneTime?: number | undefined;
  /** Runs a worker; default: worker.ts beside this file. */
  readonly entry?: URL;
  readonly timers?: Timers;
  readonly random?: () => number;
  /** Looks a name of servers up. Default: as this machine does, and with the TTL. */
  readonly findName?: ConstructorParameters<typeof Names>[0]['find'];
}

/** A thread that hangs and has not ended this long (ms) after it was told to never will. */
const endPatience = 30_000;

export class Supervisor {
  /** As a person wrote it. */
  private configured: LimpetOptions;
  /** The same with a server for each address of the names that stand for several. */
  private options: LimpetOptions;
  private readonly deps: SupervisorDependencies;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly buffers: SharedBuffers;
  private readonly table: SessionTable;
  private readonly counters: Counters;
  private readonly servers: ServerNumbers;
  private readonly lifetimes: Lifetimes;
  private readonly configVersion: ConfigVersion;
  private readonly names: Names;
  private readonly watch: HealthMonitor;
  private readonly tableSaver: TableSaver;
  private readonly adminService: AdminService;
  private readonly room: DescriptorRoom;
  private readonly shortages: Shortages;
  private readonly foreign: ForeignCookies;
  /** null: no copies of sessions are kept; and until it is open. */
  private storage: Storage | null = null;
  private readonly threads: Threads;
  private readonly timekeeper: Timekeeper;
  private readonly beats: SharedArrayBuffer;
  private readonly hangs: HangDetector;
  private numbers: Numbers = { slots: new Map(), lifetimes: new Map() };
  /** Ports in fact bound, by listener: the first worker finds them for all. */
  private ports: readonly number[] = [];
  private bound: readonly string[] = [];
  private stopping = false;
  private reloading: Promise<void> = Promise.resolve();

  constructor(options: LimpetOptions, deps: SupervisorDependencies) {
    const { workers, table } = options;
    this.configured = withKeys(options, deps);
    this.options = this.configured;
    this.deps = deps;
    this.timers = deps.timers ?? systemTimers;
    // One row of counters more than there are workers: the supervisor counts, too.
    const tombstoneTime = deps.injectedFault === 'tombstones' ? 0 : deps.tombstoneTime;
    this.buffers = createShared(table.capacity, workers + 1, tombstoneTime);
    this.table = SessionTable.attach(this.buffers.table, 0);
    this.counters = countersOf(this.buffers, workers);
    this.timekeeper = new Timekeeper({
      shared: this.buffers.clock,
      file: join(options.stateDir, 'clock'),
      timers: this.timers,
      counters: this.counters,
      log: deps.log,
    });
    this.clock = deciding(this.timekeeper.clock, deps.injectedFault ?? null);
    const { load, configVersion, descriptors } = attach(this.buffers, workers);
    const isBusy = (slot: number) =>
      load.running(slot) !== 0 || load.waiting(slot) !== 0 || this.storage?.expects(slot) === true;
    this.servers = new ServerNumbers(this.table, isBusy);
    this.lifetimes = new Lifetimes(this.table);
    this.beats = createBeats(workers);
    this.hangs = new HangDetector({
      beats: this.beats,
      clock: this.clock,
      timers: this.timers,
      timeout: () => this.options.workerTimeout,
      onHung: (worker) => this.endHung(worker),
    });
    const { net, log, random = Math.random } = deps;
    this.configVersion = configVersion;
    this.foreign = new ForeignCookies((line) => log.warn(line));
    this.shortages = new Shortages(this.clock, (what, reason, at) => log.warn(sayShortage(what, reason, at)));
    this.room = new DescriptorRoom({ descriptors, limits: systemLimits, timers: this.timers, log });
    this.names = new Names({
      find: deps.findName ?? findNames({ net, timers: this.timers }),
      timers: this.timers,
      counters: this.counters,
      log,
      onChange: () => this.namesChanged(),
    });
    this.watch = new HealthMonitor({
      net: namedNet({
        net,
        timers: this.timers,
        addressesOf: (name) => this.names.of(name),
        addressTimeout: () => this.options.resolver.addressTimeout,
      }),
      log,
      clock: this.clock,
      timers: this.timers,
      random,
      load,
      counters: this.counters,
      tellShortage: (reason, at) => this.shortages.tell('connect', reason, at),
      tell: (pool, healthReports) => this.publishHealth(pool, healthReports),
    });
    const named = namedInReports(deps.injectedFault ?? null);
    this.threads = new Threads({
      entry: deps.entry ?? ownEntry,
      count: workers,
      clock: this.clock,
      timers: this.timers,
      log,
      init: (worker) => ({
        worker,
        buffers: this.buffers,
        config: this.planFor(worker),
        beats: this.beats,
        copies: this.storage?.init() ?? null,
      }),
      config: (worker) => this.planFor(worker),
      configs: () => configVersion.versions.configs,
      onListening: (worker, addresses, ports) => {
        if (!this.stopping) this.hangs.begin(worker);
        if (worker === 0) this.listensAt(addresses, ports);
      },
      onMessage: (message, worker, reply) => {
        if (message.kind === 'passive-report') {
          const { pool, server, report } = message;
          this.watch.report(pool, named(this.options.pools, pool, server), report);
        } else if (message.kind === 'shortage') this.shortages.tell(message.what, message.reason, message.at);
        else if (message.kind === 'foreign') this.foreign.tell(message);
        else if (message.kind === 'access') deps.writeAccess(message.lines, () => reply({ kind: 'written' }));
        else if (message.kind === 'debug') log.debug(message.message, { worker: worker + 1 });
        else this.threads.tell(message, worker);
      },
      onLost: (worker) => this.forget(worker),
    });
    this.tableSaver = new TableSaver({
      file: deps.tableFile,
      saved: () => ({
        table: this.table,
        servers: this.servers,
        lifetimes: this.lifetimes.names(),
        copies: this.storage?.incarnation ?? '',
        secret: deps.tableSecret,
      }),
      interval: table.save,
      clock: this.clock,
      timers: this.timers,
      log,
    });
    this.adminService = new AdminService({
      options: () => this.options,
      numbers: () => this.numbers,
      watch: this.watch,
      drain: (pool, server, drained) => this.drain(pool, server, drained),
      table: this.table,
      load,
      counters: () => this.countersNow(),
      incarnation: () => this.storage?.incarnation ?? '',
      acceptFailed: (error, at) => this.acceptFailed(error, at),
      now: () => this.seconds(),
      log,
    });
  }

  /** Where it listens, as URLs or `unix:` paths, in the order of the config. */
  get addresses(): readonly string[] {
    return this.bound;
  }

  /** Rejects with the system's error when an address cannot be bound; then no thread is left. */
  async start(): Promise<void> {
    await this.names.follow(this.configured);
    this.options = this.resolved(this.configured);
    this.numbers = numberAll(this.options, this.servers, this.lifetimes, this.seconds());
    const { load } = attach(this.buffers, this.options.workers);
    const { random = Math.random } = this.deps;
    // Balancers that start together do not all begin with the first server.
    for (const slot of this.numbers.slots.values()) load.passTurn(slot, 0, Math.floor(random() * 0x10000));
    await this.openStorage();
    await this.tableSaver.load();
    this.timekeeper.start();
    this.watch.follow(this.options, this.numbers);
    this.drainAgain();
    this.room.follow(this.options);
    this.room.start();
    try {
      for (const listener of this.options.listeners) await this.refuseTaken(listener);
      await this.threads.start();
      await this.adminService.open();
    } catch (error) {
      this.stopping = true;
      this.names.stop();
      this.timekeeper.stop();
      this.watch.stop();
      this.room.stop();
      this.hangs.stop();
      await this.threads.end();
      await this.storage?.stop();
      throw error;
    }
    this.tableSaver.start();
  }

  /** Takes over another config, or nothing of it: then it rejects, and says why. One after the other. */
  reload(options: LimpetOptions): Promise<void> {
    return this.inTurn(async () => {
      await this.reloadNow(options);
      this.counters.add(counter.reloads);
    });
  }

  private inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.reloading.then(act);
    this.reloading = done.catch(() => undefined);
    return done;
  }

  /** Workers hear of the addresses at once; where they are servers, the config is another one. */
  private namesChanged(): void {
    this.threads.tell({ kind: 'names', names: this.names.addresses });
    const done = this.inTurn(async () => {
      if (this.stopping || isDeepStrictEqual(this.resolved(this.configured).pools, this.options.pools)) return;
      await this.reloadNow(this.configured);
    });
    done.catch((error: unknown) => this.deps.log.warn(`the addresses of names were not taken over: ${codeOf(error)}`));
  }

  private resolved(options: LimpetOptions): LimpetOptions {
    return { ...options, pools: resolveServers(options.pools, this.names.addresses) };
  }

  /** True when every open exchange finished by itself in time. */
  async stop(): Promise<boolean> {
    this.stopping = true;
    await this.reloading;
    await this.adminService.close();
    this.names.stop();
    this.watch.stop();
    this.room.stop();
    const finished = await this.threads.stop(this.options.shutdown.timeout);
    this.hangs.stop();
    await this.tableSaver.stop();
    this.timekeeper.stop();
    await this.threads.end();
    await this.storage?.stop();
    return finished;
  }

  /** For what surrounds the balancer. */
  count(name: CounterName, by: number): void {
    this.counters.add(counter[name], by);
  }

  /** All workers' counters together, by name. */
  countersNow(): Record<string, number> {
    const sum = sumCounters(this.buffers, this.options.workers + 1);
    const { evicted, returned } = this.table.counters;
    return { ...sum, sessions_evicted: evicted, claims_returned: returned };
  }

  /** Sessions in the table, by `pool/server`. */
  sessionsNow(): Record<string, number> {
    const sessions: Record<string, number> = {};
    for (const [name, number] of this.servers.entries()) {
      if (/^[^ ]+\/./.test(name)) sessions[name] = this.table.count(number);
    }
    return sessions;
  }

  /** Every server with its state, its exchanges and its sessions. */
  serversNow(): Promise<readonly ServerStatus[]> {
    return this.adminService.servers();
  }

  /**
   * Takes a server out of use, or back, until the opposite is said: also across reloads and restarts. False: there is no
   * such server. Resolves when every worker does so.
   */
  async drain(pool: string, server: string, drained: boolean): Promise<boolean> {
    if (!this.watch.drain(pool, server, drained)) return false;
    this.orWarn(() => writeDrained(this.drainedFile, this.watch.drained));
    await this.threads.done();
    return true;
  }

  /** What was said before a restart. */
  private drainAgain(): void {
    this.orWarn(() => {
      for (const [pool, server] of readDrained(this.drainedFile))
        this.watch.drain(pool, server, true, 'as before the restart');
    });
  }

  private get drainedFile(): string {
    return join(this.options.stateDir, 'drained.json');
  }

  private orWarn(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.deps.log.warn(error.message);
    }
  }

  private async openStorage(): Promise<void> {
    const { sessions, stateDir } = this.options;
    if (sessions === null) return;
    const { log, injectedFault = null, storeKey } = this.deps;
    const { clock, timers, table, counters } = this;
    const { load } = attach(this.buffers, this.options.workers);
    const acceptFailed = (error: Error, at: Address): void => this.acceptFailed(error, at);
    const deps = { clock, timers, table, load, counters, injectedFault, log, stateDir, storeKey, acceptFailed };
    this.storage = await Storage.open(sessions, deps);
    this.storage.follow(this.options, this.numbers);
    if (injectedFault !== null) log.warn(`LIMPET_INJECTED_FAULT: ${injectedFault} is broken on purpose`);
  }

  private async reloadNow(options: LimpetOptions): Promise<void> {
    if (this.stopping) throw new Error('the balancer is stopping');
    const { workers, table, stateDir, log, sessions, admin } = this.options;
    // What the process is built on stays as it was at the start.
    const configured = { ...withKeys(options, this.deps), workers, table, stateDir, log, sessions, admin };
    await this.names.follow(configured);
    const next = this.resolved(configured);
    for (const listener of next.listeners) {
      const name = listenerName(listener.address);
      const ours = this.options.listeners.some((one) => listenerName(one.address) === name);
      if (!ours) await this.refuseTaken(listener);
    }
    const before = { options: this.options, numbers: this.numbers, ports: this.ports };
    try {
      const numbers = numberAll(next, this.servers, this.lifetimes, this.seconds());
      const ports = next.listeners.map(({ address }) => this.portOf(before.options, before.ports, address));
      Object.assign(this, { options: next, numbers, ports });
      this.configVersion.publish('configs');
      this.storage?.follow(next, this.numbers);
      await this.threads.reload();
      // Only now: what is known of the servers before is not lost when a worker cannot take the config over.
      this.watch.follow(next, this.numbers);
      for (const [pool, healthReports] of this.watch.healthReports) this.publishHealth(pool, healthReports);
      this.room.follow(next);
      this.configured = configured;
    } catch (error) {
      // Those that had taken it over go back.
      Object.assign(this, before);
      this.configVersion.publish('configs');
      this.numbers = numberAll(before.options, this.servers, this.lifetimes, this.seconds());
      this.storage?.follow(before.options, this.numbers);
      await this.threads.reload(true);
      await this.names.follow(this.configured);
      throw error;
    }
  }

  /** Its loop has stopped turning: it is ended, and another one takes its place. */
  private endHung(worker: number): void {
    this.counters.add(counter.workers_hung);
    const seconds = this.options.workerTimeout / 1000;
    const reason = `its event loop has not turned for ${seconds} s (workerTimeout)`;
    // Both runtimes end a loop of JavaScript. What hangs in the system cannot be ended, and still has its part of the connections.
    const cancel = this.timers.after(endPatience, () => {
      throw new Error(`worker ${worker + 1} cannot be ended: ${reason}; so the balancer ends`);
    });
    void this.threads.fail(worker, new Error(reason)).then(cancel);
  }

  private publishHealth(pool: string, healthReports: readonly NamedHealthReport[]): void {
    this.configVersion.publish('health');
    this.threads.tell({ kind: 'health', pool, healthReports, versions: this.configVersion.versions });
  }

  /** At a listener of the supervisor's own. */
  private acceptFailed(error: Error, at: Address): void {
    this.counters.add(counter.shortages_accept);
    this.shortages.tell('accept', shortageOf(error, at.kind) ?? error.message, formatAddress(at));
  }

  /** A worker has died: what it had open and counted as running is over. */
  private forget(worker: number): void {
    this.hangs.end(worker);
    this.counters.add(counter.workers_replaced);
    this.table.recover(worker + 1);
    const { load, descriptors } = attach(this.buffers, worker);
    load.forget(worker);
    descriptors.forget(worker);
    closeGauges(this.buffers, worker);
  }

  private planFor(worker: number): WorkerConfig {
    const { options, numbers, ports } = this;
    // Workers share a port by SO_REUSEPORT; a path has one socket only, and the first worker has it.
    const sockets = options.listeners.map(({ address }, i) => {
      if (address.kind === 'unix') return worker === 0 ? 0 : null;
      return ports[i] || address.port;
    });
    const healthReports = this.watch.preview(options);
    const { versions } = this.configVersion;
    const names = this.names.addresses;
    return { options, numbers, sockets, secret: this.deps.tableSecret, healthReports, names, versions };
  }

  private listensAt(addresses: readonly string[], ports: readonly number[]): void {
    this.bound = addresses;
    this.ports = ports;
  }

  private portOf(options: LimpetOptions, ports: readonly number[], address: ListenerOptions['address']): number {
    const i = options.listeners.findIndex((one) => listenerName(one.address) === listenerName(address));
    return i < 0 ? 0 : (ports[i] ?? 0);
  }

  /** Rejects as the kernel would if the workers did not share the port, unless they are to share it with others, too. */
  private async refuseTaken({ address, reusePort }: ListenerOptions): Promise<void> {
    if (reusePort || address.kind === 'unix' || address.port === 0) return;
    if (!(await isPortTaken(this.deps.net, address, this.timers))) return;
    throw listenError(Object.assign(new Error('somebody answers there'), { code: 'EADDRINUSE' }), address);
  }

  private seconds(): number {
    return Math.floor(this.clock.now() / 1000);
  }
}

/** Beside this file, in its language: source while Limpet is developed, JavaScript when it is installed. */
const ownEntry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

function withKeys(options: LimpetOptions, { tokenKey }: SupervisorDependencies): LimpetOptions {
  return options.keys.length > 0 ? options : { ...options, keys: [tokenKey()] };
}
