/**
 * The supervisor: starts the workers and replaces those that fail, judges health for all of them, hands new configs
 * over, and keeps the table.
 *
 *      config, signals ──> supervisor ──────── standings, configs ───────> worker 1, 2, ... N
 *                              ^  <──────── sightings, logs, access lines ────────┘
 *                              └── shared memory: session table, load, counters ──┘
 */
import { join } from 'node:path';
import type { LimpetOptions, ListenerOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import { formatAddress, type Net } from '../net/socket.ts';
import { attach, closeGauges, countersOf, createShared, type SharedBuffers, sumCounters } from '../shared/memory.ts';
import type { News } from '../shared/news.ts';
import { listenerName, type Numbers, numberAll } from '../shared/roster.ts';
import type { Sabotage } from '../store/sabotage.ts';
import { Lifetimes } from '../table/lifetimes.ts';
import { ServerNumbers } from '../table/numbers.ts';
import { SessionTable } from '../table/table.ts';
import { type Clock, systemClock, systemTimers, type Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import { readDrained, writeDrained } from './drained.ts';
import { Keeper } from './keeper.ts';
import type { FromWorker, Plan } from './messages.ts';
import { Office } from './office.ts';
import { Storage } from './storage.ts';
import { isTaken } from './taken.ts';
import { asError, Thread } from './thread.ts';
import { Watch } from './watch.ts';

export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

export interface SupervisorDependencies {
  readonly net: Net;
  readonly log: Log;
  /** Takes whole lines of the access log. */
  readonly writeAccess: (lines: string) => void;
  /** Signs the tokens when the config names no keys. */
  readonly tokenKey: () => Buffer;
  /** Secret behind the names in the session table and its file. */
  readonly tableSecret: Buffer;
  /** File of the session table. */
  readonly tableFile: string;
  /** For tests of tests: breaks one promise of the store. Left out: none. */
  readonly sabotage?: Sabotage | null;
  /** For tests: seconds for which the table keeps an ended session dead. Left out: a minute. */
  readonly tombstoneTime?: number | undefined;
  /** Runs a worker; default: worker.ts beside this file. */
  readonly entry?: URL;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: () => number;
}

/** A worker that has not answered after this long (ms) is lost. */
const patience = 5000;
/** A worker that fails again and again is started anew after ever longer times (ms). */
const shortestPause = 100;
const longestPause = 10_000;
/** One that has run for this long (ms) is as good as new. */
const wellAfter = 60_000;

export class Supervisor {
  private options: LimpetOptions;
  private readonly deps: SupervisorDependencies;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly buffers: SharedBuffers;
  private readonly table: SessionTable;
  private readonly counters: Counters;
  private readonly servers: ServerNumbers;
  private readonly lifetimes: Lifetimes;
  private readonly news: News;
  private readonly watch: Watch;
  private readonly keeper: Keeper;
  private readonly office: Office;
  /** null: no copies of sessions are kept; and until it is open. */
  private storage: Storage | null = null;
  private readonly threads: (Thread | null)[];
  private readonly pauses: number[];
  private numbers: Numbers;
  /** Ports in fact bound, by listener: the first worker finds them for all. */
  private ports: readonly number[] = [];
  private bound: readonly string[] = [];
  private stopping = false;
  private reloading: Promise<void> = Promise.resolve();

  constructor(options: LimpetOptions, deps: SupervisorDependencies) {
    const { workers, table } = options;
    this.options = withKeys(options, deps);
    this.deps = deps;
    this.clock = deps.clock ?? systemClock;
    this.timers = deps.timers ?? systemTimers;
    // One row of counters more than there are workers: the supervisor counts, too.
    const tombstoneTime = deps.sabotage === 'tombstones' ? 0 : deps.tombstoneTime;
    this.buffers = createShared(table.capacity, workers + 1, tombstoneTime);
    this.table = SessionTable.attach(this.buffers.table, 0);
    this.counters = countersOf(this.buffers, workers);
    this.servers = new ServerNumbers(this.table);
    this.lifetimes = new Lifetimes(this.table);
    this.numbers = numberAll(options, this.servers, this.lifetimes, this.seconds());
    this.threads = new Array<Thread | null>(workers).fill(null);
    this.pauses = new Array<number>(workers).fill(0);
    const { net, log, random = Math.random } = deps;
    const { load, news } = attach(this.buffers, workers);
    this.news = news;
    // Balancers that start together do not all begin with the first server.
    for (const slot of this.numbers.slots.values()) load.passTurn(slot, 0, Math.floor(random() * 0x10000));
    this.watch = new Watch({
      net,
      log,
      clock: this.clock,
      timers: this.timers,
      random,
      load,
      counters: this.counters,
      tell: (pool, standings) => {
        news.publish('standings');
        const { edition } = news;
        for (const thread of this.threads) thread?.tell({ kind: 'standings', pool, standings, edition });
      },
    });
    this.keeper = new Keeper({
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
    this.office = new Office({
      options: () => this.options,
      numbers: () => this.numbers,
      watch: this.watch,
      drain: (pool, server, drained) => this.drain(pool, server, drained),
      table: this.table,
      load,
      counters: () => this.countersNow(),
      incarnation: () => this.storage?.incarnation ?? '',
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
    await this.openStorage();
    await this.keeper.load();
    this.watch.follow(this.options, this.numbers);
    this.drainAgain();
    try {
      for (const listener of this.options.listeners) await this.refuseTaken(listener);
      // The first one alone: a port that the system chooses is the same for all.
      await this.spawn(0);
      await Promise.all(this.threads.slice(1).map((_, i) => this.spawn(i + 1)));
      await this.office.open();
    } catch (error) {
      this.stopping = true;
      this.watch.stop();
      await Promise.all(this.threads.map((thread) => thread?.end()));
      await this.storage?.stop();
      throw error;
    }
    this.keeper.start();
  }

  /** Takes over another config, or nothing of it: then it rejects, and says why. One after the other. */
  reload(options: LimpetOptions): Promise<void> {
    const done = this.reloading.then(() => this.reloadNow(options));
    this.reloading = done.catch(() => undefined);
    return done;
  }

  /** True when every open exchange finished by itself in time. */
  async stop(): Promise<boolean> {
    this.stopping = true;
    await this.reloading;
    await this.office.close();
    this.watch.stop();
    const finished = await Promise.all(
      this.threads.map(async (thread) => {
        if (thread === null) return true;
        const limit = this.options.shutdown.timeout + patience;
        const answer = await within(this.timers, limit, thread.ask({ kind: 'stop' }, 'stopped'));
        return answer?.finished ?? false;
      }),
    );
    await this.keeper.stop();
    await Promise.all(this.threads.map((thread) => thread?.end()));
    await this.storage?.stop();
    return finished.every((one) => one);
  }

  /** All workers' counters together, by name. */
  countersNow(): Record<string, number> {
    const sum = sumCounters(this.buffers, this.options.workers + 1);
    return { ...sum, sessions_evicted: this.table.counters.evicted };
  }

  /** Sessions in the table, by `pool/server`. */
  sessionsNow(): Record<string, number> {
    const sessions: Record<string, number> = {};
    for (const [name, number] of this.servers.entries()) {
      if (/^[^ ]+\/./.test(name)) sessions[name] = this.table.count(number);
    }
    return sessions;
  }

  private async drain(pool: string, server: string, drained: boolean): Promise<boolean> {
    if (!this.watch.drain(pool, server, drained)) return false;
    this.orWarn(() => writeDrained(this.drainedFile, this.watch.drained));
    await within(this.timers, patience, Promise.all(this.threads.map((thread) => thread?.done())));
    return true;
  }

  /** What was said before a restart. */
  private drainAgain(): void {
    this.orWarn(() => {
      for (const [pool, server] of readDrained(this.drainedFile)) this.watch.drain(pool, server, true);
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
    const { sessions } = this.options;
    if (sessions === null) return;
    const { log, sabotage = null } = this.deps;
    const { clock, timers, table, counters } = this;
    const { load } = attach(this.buffers, this.options.workers);
    this.storage = await Storage.open(sessions, { clock, timers, table, load, counters, sabotage, log });
    this.storage.follow(this.options, this.numbers);
    if (sabotage !== null) log.warn(`LIMPET_SABOTAGE: ${sabotage} is broken on purpose`);
  }

  private async reloadNow(options: LimpetOptions): Promise<void> {
    if (this.stopping) throw new Error('the balancer is stopping');
    const { workers, table, stateDir, log, sessions, admin } = this.options;
    // What the process is built on stays as it was at the start.
    const next: LimpetOptions = { ...withKeys(options, this.deps), workers, table, stateDir, log, sessions, admin };
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
      this.news.publish('configs');
      this.watch.follow(next, this.numbers);
      this.storage?.follow(next, this.numbers);
      await this.reloadThreads();
      this.counters.add(counter.reloads);
    } catch (error) {
      // Those that had taken it over go back.
      Object.assign(this, before);
      this.news.publish('configs');
      this.numbers = numberAll(before.options, this.servers, this.lifetimes, this.seconds());
      this.watch.follow(before.options, this.numbers);
      this.storage?.follow(before.options, this.numbers);
      await this.reloadThreads(true);
      throw error;
    }
  }

  /** The first one alone, for the ports that the system chooses, then the others. `back`: to the config before. */
  private async reloadThreads(back = false): Promise<void> {
    const reload = async (worker: number) => {
      const thread = this.threads[worker];
      // One that is being replaced starts with the new config.
      if (thread == null) return;
      const plan = this.planFor(worker);
      const answer = await within(this.timers, patience, thread.ask({ kind: 'reload', plan }, 'reloaded'));
      if (answer?.error != null && !back) throw asError(answer.error);
      // One that is lost, or cannot go back, is replaced, and starts with the config.
      if (answer === undefined || answer.error !== null) await thread.end();
      else if (worker === 0) this.listensAt(answer.addresses, answer.ports);
    };
    await reload(0);
    const results = await Promise.allSettled(this.threads.slice(1).map((_, i) => reload(i + 1)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Resolves when the worker listens, rejects when it cannot. */
  private async spawn(worker: number): Promise<void> {
    const since = this.clock.monotonic();
    const copies = this.storage?.birth() ?? null;
    const birth = { worker, buffers: this.buffers, plan: this.planFor(worker), copies };
    let why: unknown;
    const thread = new Thread(this.deps.entry ?? ownEntry, birth, {
      onNews: (message, from) => this.hear(message, from),
      onExit: (failure, gone) => {
        why = failure;
        if (this.threads[worker] === gone) this.threads[worker] = null;
        if (!this.stopping) this.replace(worker, since, failure);
      },
    });
    this.threads[worker] = thread;
    const answer = await thread.answered();
    if (answer?.kind === 'failed') {
      await thread.end();
      throw asError(answer.error);
    }
    if (answer?.kind !== 'listening') throw asError(why ?? 'the worker ended');
    if (worker === 0) this.listensAt(answer.addresses, answer.ports);
  }

  private hear(message: FromWorker, from: Thread): void {
    if (message.kind === 'sighting') this.watch.see(message.pool, message.server, message.sighting);
    else if (message.kind === 'access') this.deps.writeAccess(message.lines);
    else if (message.kind === 'room') {
      for (const thread of this.threads) if (thread !== from) thread?.tell(message);
    }
  }

  /** The exchanges of a worker that died are lost, and nothing else is. */
  private replace(worker: number, since: number, failure: unknown): void {
    const { log } = this.deps;
    const reason = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure ?? 'it ended');
    log.warn(`worker ${worker + 1} failed and is replaced: ${reason}`);
    this.counters.add(counter.workers_replaced);
    this.table.recover(worker + 1);
    attach(this.buffers, worker).load.forget(worker);
    closeGauges(this.buffers, worker);
    const well = this.clock.monotonic() - since >= wellAfter;
    const pause = well ? 0 : (this.pauses[worker] ?? 0);
    this.pauses[worker] = Math.min(longestPause, Math.max(shortestPause, pause * 2));
    this.timers.after(pause, () => {
      if (this.stopping) return;
      this.spawn(worker).catch((error: unknown) => log.warn(`worker ${worker + 1} did not start: ${String(error)}`));
    });
  }

  private planFor(worker: number): Plan {
    const { options, numbers, ports } = this;
    // Workers share a port by SO_REUSEPORT; a path has one socket only, and the first worker has it.
    const sockets = options.listeners.map(({ address }, i) => {
      if (address.kind === 'unix') return worker === 0 ? 0 : null;
      return ports[i] || address.port;
    });
    const standings = this.watch.standings;
    return { options, numbers, sockets, secret: this.deps.tableSecret, standings, edition: this.news.edition };
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
    if (!(await isTaken(this.deps.net, address, this.timers))) return;
    const { host, port } = address;
    const message = `listen EADDRINUSE: address already in use ${formatAddress(address)}`;
    throw Object.assign(new Error(message), { code: 'EADDRINUSE', address: host, port });
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
