/**
 * The composition root: the one file that knows everyone. It turns filled options into a balancer on one event loop;
 * `workers/` runs several of them over shared memory.
 */
import { isDeepStrictEqual } from 'node:util';
import { TokenRings } from '../affinity/token.ts';
import type { LimpetOptions, ListenerOptions, PoolOptions } from '../config/options.ts';
import { Connects } from '../fleet/connects.ts';
import type { MembershipChange } from '../fleet/fleet.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import { changesNothing, differOnlyInServers } from '../fleet/membership.ts';
import { AccessLog, type WriteLines } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import { formatAddress, type Net } from '../net/socket.ts';
import { BufferBudget } from '../proxy/buffer-budget.ts';
import { type FindRoute, ListenerContext } from '../proxy/client/listener-context.ts';
import type { DebugLog } from '../proxy/debug-log.ts';
import type { Pool, PoolParts } from '../proxy/pool.ts';
import { createRouter, isForListener } from '../proxy/router.ts';
import { PoolContext } from '../proxy/server/pool-context.ts';
import { type ReportShortage, WorkerContext } from '../proxy/worker-context.ts';
import { WriteBuffers } from '../proxy/write-buffers.ts';
import type { Shared } from '../shared/memory.ts';
import { randomWords } from '../shared/random-words.ts';
import { listenerName, type Numbers } from '../shared/slots.ts';
import { sweep } from '../table/expiry.ts';
import { recordsPerPage } from '../table/layout.ts';
import { type Clock, systemClock, systemTimers, type Timers } from '../time/clock.ts';
import { Wheel } from '../time/wheel.ts';
import type { CopySource } from './copies.ts';
import { Listener } from './listener.ts';
import {
  createPool,
  type PoolSurroundings,
  planMembership,
  type ReportForeignCookie,
  type ReportPassive,
} from './pools.ts';

export interface BalancerDependencies {
  readonly net: Net;
  /** Takes whole lines of the access log. */
  readonly writeAccess: WriteLines;
  readonly shared: Shared;
  readonly numbers: Numbers;
  /** From which the names of sessions are hashed for the table. */
  readonly secret: Buffer;
  /** Left out: no copies of sessions are kept. */
  readonly copies?: CopySource;
  /** Told what traffic sees of the servers of a pool. */
  readonly report: ReportPassive;
  /** Told that a pool has room for which exchanges of other workers wait. */
  readonly announceRoom: (pool: string) => void;
  /** Told when this machine, not a server, is why a connection did not come about. */
  readonly reportShortage: ReportShortage;
  /** Told when another Limpet seems to have a cookie of the same name. Left out: nobody is. */
  readonly reportForeignCookie?: ReportForeignCookie;
  /** Left out: nothing is told. */
  readonly debug?: DebugLog;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: () => number;
  /** Stands between a pool and the decisions made for it: `limpet explain` listens in here. */
  readonly observe?: (parts: PoolParts, pool: PoolOptions) => PoolParts;
}

/** The sweep comes by every record of the table in about this many seconds, whatever the number of workers. */
const sweepSeconds = 60;

/** Connections that were destroyed at the end say so within this time (ms). */
const cutTimeoutMs = 1000;

/** For each listener the port to bind: the config's, or the one that the system chose for all workers; null: leave it out. */
export type ListenerPorts = readonly (number | null)[];

interface PoolPlan {
  readonly pools: Map<string, Pool>;
  readonly changes: ReadonlyMap<Pool, MembershipChange>;
}

export class Balancer {
  private options: LimpetOptions;
  private readonly deps: BalancerDependencies;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly randomWords = randomWords();
  private readonly rings = new TokenRings();
  private readonly wheel: Wheel;
  private readonly kept: BufferBudget;
  private readonly context: WorkerContext;
  private readonly buffers: WriteBuffers;
  private readonly connects: Connects;
  private pools = new Map<string, Pool>();
  private listeners: Listener[] = [];
  /** Those of former configs whose connections go on. */
  private readonly closing = new Set<Listener>();
  private ticking: ReturnType<typeof setInterval> | null = null;
  private second = 0;
  private whenIdle: (() => void) | null = null;

  constructor(options: LimpetOptions, deps: BalancerDependencies) {
    this.options = options;
    this.deps = deps;
    this.clock = deps.clock ?? systemClock;
    this.random = deps.random ?? Math.random;
    this.wheel = new Wheel(this.clock.monotonic());
    const { net, shared } = deps;
    this.kept = new BufferBudget(options.limits.keptBytes, this.wheel, shared.counters, (run) => net.afterTurn(run));
    const { access } = options.log;
    this.connects = new Connects(options.limits.connecting, null);
    const onDropped = (lines: number): void => shared.counters.add(counter.access_lines_dropped, lines);
    const accessLog =
      access === 'off' ? null : new AccessLog(access, deps.writeAccess, deps.timers ?? systemTimers, onDropped);
    this.context = new WorkerContext({
      net,
      clock: this.clock,
      wheel: this.wheel,
      counters: shared.counters,
      buffers: this.kept,
      descriptors: shared.descriptors,
      reportShortage: deps.reportShortage,
      accessLog,
      debug: deps.debug ?? null,
    });
    this.buffers = new WriteBuffers(net);
    this.pools = this.planPools(options, deps.numbers).pools;
  }

  /** Where it listens, as URLs or `unix:` paths, in the order of the config. */
  get addresses(): readonly string[] {
    return this.listeners.map(({ url }) => url);
  }

  /** The ports in fact bound, in the same order; 0 for a unix-domain socket. */
  get ports(): readonly number[] {
    return this.listeners.map(({ port }) => port);
  }

  /** Listens everywhere, or nowhere: rejects with the system's error when one address cannot be bound. */
  async start(ports: ListenerPorts): Promise<void> {
    this.listeners = await this.listen(this.options, this.deps.numbers, ports);
    this.ticking = setInterval(() => this.tick(), Wheel.tickMs);
  }

  /**
   * Takes over another config, or nothing of it: rejects with the system's error when a new address cannot be bound.
   * Connections stay, and their next request goes by the new config; exchanges under way finish as they began.
   */
  async reload(options: LimpetOptions, numbers: Numbers, ports: ListenerPorts): Promise<void> {
    const { pools, changes } = this.planPools(options, numbers);
    const before = this.listeners;
    const listeners = await this.listen(options, numbers, ports);
    // From here on nothing can fail.
    const { pools: old } = this;
    this.options = options;
    this.kept.limit = options.limits.keptBytes;
    this.connects.max = options.limits.connecting;
    this.pools = pools;
    this.listeners = listeners;
    for (const listener of before) if (!listeners.includes(listener)) this.close(listener);
    for (const listener of listeners) {
      const now = options.listeners.find((one) => isSameAddress(one, listener.options))!;
      if (!isDeepStrictEqual(now, listener.options)) listener.change(now, this.listenerContext(now));
    }
    // On an address that is no longer listened on, old connections go by the new routes too.
    for (const listener of [...listeners, ...this.closing]) listener.reroute(this.createRoute(listener.options));
    for (const [name, pool] of old) if (pools.get(name) !== pool) pool.replace();
    for (const [pool, change] of changes) pool.applyMembership(change, this.clock.now());
  }

  /** The health of some servers of a pool has changed. Servers that this config does not have are skipped. */
  applyHealth(pool: string, healthReports: readonly NamedHealthReport[]): void {
    this.pools.get(pool)?.parts.fleet.apply(healthReports, this.clock.now());
  }

  /** These names of servers have lost addresses. */
  moved(names: ReadonlySet<string>): void {
    for (const pool of this.pools.values()) pool.moved(names);
  }

  /** Another worker says that a pool has room. */
  offerRoom(pool: string): void {
    this.pools.get(pool)?.lookForRoom();
  }

  /**
   * Stops accepting, ends idle connections, and waits for exchanges under way, at most `shutdown.timeout` ms.
   * True when all of them finished by themselves.
   */
  async stop(): Promise<boolean> {
    for (const listener of this.listeners.splice(0)) this.close(listener);
    for (const pool of this.pools.values()) pool.retire();
    const listeners = [...this.closing];
    for (const listener of listeners) listener.stop();
    const finished = this.closing.size === 0 || (await this.idle(this.options.shutdown.timeout));
    for (const listener of listeners) listener.destroy();
    // Exchanges that are cut have their lines, too: they are over when their connections say so.
    if (!finished && this.closing.size > 0) await this.idle(cutTimeoutMs);
    this.context.accessLog?.flush();
    if (this.ticking !== null) clearInterval(this.ticking);
    return finished;
  }

  private idle(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => resolve(false), timeout);
      this.whenIdle = () => {
        clearTimeout(limit);
        resolve(true);
      };
    });
  }

  private tick(): void {
    this.wheel.turn(this.clock.monotonic());
    const now = this.clock.now();
    for (const pool of this.pools.values()) {
      pool.makeRoom();
      pool.lookForRoom();
    }
    const second = Math.floor(now / 1000);
    const { table } = this.deps.shared;
    const ticks = ((sweepSeconds * 1000) / Wheel.tickMs) * this.options.workers;
    sweep(table, Math.ceil((table.pages.count * recordsPerPage) / ticks), second);
    if (second === this.second) return;
    this.second = second;
    for (const { parts } of this.pools.values()) parts.fleet.tick(now);
  }

  private listenerContext(options: ListenerOptions): ListenerContext {
    return new ListenerContext(this.context, this.buffers, options.limits, this.createRoute(options));
  }

  /** Each listener has a router of its own, so that `match.listeners` costs a request nothing. */
  private createRoute(listener: ListenerOptions): FindRoute {
    return createRouter(
      this.options.routes
        .filter(({ match }) => isForListener(match.listeners, formatAddress(listener.address)))
        .map(({ match, pool, affinity }) => ({ ...match, route: { pool: this.pools.get(pool)!, affinity } })),
    );
  }

  /** Opens the addresses that are new, and keeps those that are not. All or nothing. */
  private async listen(config: LimpetOptions, numbers: Numbers, ports: ListenerPorts): Promise<Listener[]> {
    const listeners: Listener[] = [];
    const opened: Listener[] = [];
    try {
      for (const [i, options] of config.listeners.entries()) {
        const port = ports[i];
        if (port == null) continue;
        let listener = this.listeners.find((one) => isSameAddress(one.options, options));
        if (listener === undefined) {
          listener = this.createListener(options, numbers);
          await listener.listen(port);
          opened.push(listener);
        }
        listeners.push(listener);
      }
    } catch (error) {
      for (const listener of opened) listener.stop();
      throw error;
    }
    return listeners;
  }

  private createListener(options: ListenerOptions, { slots }: Numbers): Listener {
    const { net, shared } = this.deps;
    const slot = slots.get(listenerName(options.address))!;
    const listener: Listener = new Listener(options, this.listenerContext(options), {
      net,
      shared,
      slot,
      onEmpty: () => {
        if (this.closing.delete(listener) && this.closing.size === 0) this.whenIdle?.();
      },
    });
    return listener;
  }

  /** Its connections go on. */
  private close(listener: Listener): void {
    listener.close();
    if (!listener.isEmpty) this.closing.add(listener);
  }

  /**
   * The pools of this config, and what is to change of those that go on: a pool of which both configs have the same settings
   * goes on, with the servers that the config has now. Changes nothing yet.
   */
  private planPools(options: LimpetOptions, numbers: Numbers): PoolPlan {
    const { keys, identify, clock } = this.options;
    const same =
      isDeepStrictEqual(keys, options.keys) && identify === options.identify && clock.skew === options.clock.skew;
    const pools = new Map<string, Pool>();
    const changes = new Map<Pool, MembershipChange>();
    for (const pool of options.pools) {
      const before = this.options.pools.find(({ name }) => name === pool.name);
      const running = this.pools.get(pool.name);
      if (!same || before === undefined || running === undefined || !differOnlyInServers(before, pool)) {
        pools.set(pool.name, createPool(pool, this.surroundings(options, numbers, pool)));
        continue;
      }
      pools.set(pool.name, running);
      const { shared } = this.deps;
      const change = planMembership(running, pool, { shared, numbers, keys: options.keys, connects: this.connects });
      if (!changesNothing(change)) changes.set(running, change);
    }
    return { pools, changes };
  }

  private surroundings(
    { keys, identify, clock }: LimpetOptions,
    numbers: Numbers,
    pool: PoolOptions,
  ): PoolSurroundings {
    const { shared, secret, copies = null, report, announceRoom, observe = (parts: PoolParts) => parts } = this.deps;
    const { reportForeignCookie = () => {} } = this.deps;
    return {
      context: new PoolContext(this.context, this.buffers.requests, { ...pool.limits, uriBytes: 0 }),
      shared,
      numbers,
      secret,
      keys,
      identify,
      skew: clock.skew,
      copies,
      connects: this.connects,
      report,
      reportForeignCookie,
      announceRoom,
      random: this.random,
      randomWords: this.randomWords,
      rings: this.rings,
      observe,
    };
  }
}

function isSameAddress(a: ListenerOptions, b: ListenerOptions): boolean {
  return formatAddress(a.address) === formatAddress(b.address);
}
