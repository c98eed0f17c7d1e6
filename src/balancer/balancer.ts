/**
 * The composition root: it turns the options of a config into a balancer on one event loop, from parts that do not know each
 * other. `workers/` runs one balancer per thread, over shared memory.
 */
import { randomFillSync } from 'node:crypto';
import { TokenRings } from '../affinity/token.ts';
import { noTls, type TlsMaterial } from '../certificates/material.ts';
import type { LimpetOptions, ListenerOptions, PoolOptions, RouteOptions } from '../config/options.ts';
import { noSessionEvents, type SessionEvents } from '../events/session-events.ts';
import { Connects } from '../fleet/connects.ts';
import type { NamedHealthReport } from '../fleet/health-report.ts';
import { ReservedHeaders } from '../http/reserved-headers.ts';
import { lineFormatOf } from '../metrics/access-formats.ts';
import { AccessLog, type WriteLines } from '../metrics/access-log.ts';
import { counter } from '../metrics/counters.ts';
import { type Address, formatAddress, type Net } from '../net/socket.ts';
import { BufferBudget } from '../proxy/buffer-budget.ts';
import { type FindRoute, ListenerContext } from '../proxy/client/listener-context.ts';
import type { DebugLog } from '../proxy/debug-log.ts';
import { HttpsRedirect } from '../proxy/https-redirect.ts';
import type { PoolParts } from '../proxy/pool.ts';
import { Probes } from '../proxy/probes.ts';
import type { RequestTracing } from '../proxy/request-tracing.ts';
import { createRouter, isForListener } from '../proxy/router.ts';
import { PoolContext } from '../proxy/server/pool-context.ts';
import { type ReportShortage, WorkerContext } from '../proxy/worker-context.ts';
import { WriteBuffers } from '../proxy/write-buffers.ts';
import type { Shared } from '../shared/memory.ts';
import { OtherNodes } from '../shared/other-nodes.ts';
import { OwnIds } from '../shared/own-ids.ts';
import { randomWords } from '../shared/random-words.ts';
import type { Numbers } from '../shared/slots.ts';
import { sweep } from '../table/expiry.ts';
import { recordsPerPage } from '../table/layout.ts';
import { type Clock, systemClock, systemTimers, type Timers, unixSeconds } from '../time/clock.ts';
import { RunningTime } from '../time/running-time.ts';
import { Wheel } from '../time/wheel.ts';
import type { TraceSink } from '../tracing/batch.ts';
import { RandomIds } from '../tracing/ids.ts';
import { type ListenerPorts, Listeners } from './listeners.ts';
import { PoolSet } from './pool-set.ts';
import { PoolTls } from './pool-tls.ts';
import type { ReportForeignCookie, ReportPassive } from './pools.ts';
import type { CopySource, OwnerSource } from './replication.ts';

export type { ListenerPorts } from './listeners.ts';

export interface BalancerDependencies {
  readonly net: Net;
  /** Takes whole lines of the access log. */
  readonly writeAccess: WriteLines;
  readonly shared: Shared;
  readonly numbers: Numbers;
  /** Certificates of the config. Left out: it has none. */
  readonly material?: TlsMaterial;
  /** Key of the hashes under which the session table knows sessions. */
  readonly secret: Buffer;
  /** Left out: no copies of sessions are kept. */
  readonly copies?: CopySource;
  /** Left out: this is the only balancer. */
  readonly owners?: OwnerSource;
  /** Takes what traffic has shown of a server. */
  readonly report: ReportPassive;
  /** Called when a server of a pool has room, and exchanges of other workers wait for it. */
  readonly announceRoom: (pool: string) => void;
  /** Called when a connection could not be made for a reason that lies in this machine, not in a server. */
  readonly reportShortage: ReportShortage;
  /** Called when another Limpet seems to use a cookie of the same name. */
  readonly reportForeignCookie?: ReportForeignCookie;
  /** Called once when another balancer gives cookies under the same keys. Left out: nobody wants to know. */
  readonly reportOtherNode?: (pool: string) => void;
  /** Left out: `log.level` is not debug. */
  readonly debug?: DebugLog;
  /** Takes what happens to sessions. Left out: nobody wants to know. */
  readonly events?: SessionEvents;
  /** Takes the traces of sampled exchanges. Left out: nobody wants them. */
  readonly traces?: TraceSink;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: () => number;
  /** Wraps the parts of a pool: `limpet explain` records the decisions that they make. */
  readonly observe?: (parts: PoolParts, pool: PoolOptions) => PoolParts;
}

/** The sweep visits every record of the table in about this many seconds, whatever the number of workers. */
const sweepSeconds = 60;

export class Balancer {
  private options: LimpetOptions;
  private material: TlsMaterial;
  private readonly deps: BalancerDependencies;
  private readonly clock: Clock;
  private readonly wheel: Wheel;
  private readonly time: RunningTime;
  private readonly budget: BufferBudget;
  private readonly connects: Connects;
  private readonly context: WorkerContext;
  private readonly buffers: WriteBuffers;
  private readonly poolTls = new PoolTls();
  private readonly ids = new RandomIds((bytes) => void randomFillSync(bytes));
  private readonly pools: PoolSet;
  private readonly listeners: Listeners;
  private ticking: ReturnType<typeof setInterval> | null = null;
  private second = 0;

  constructor(options: LimpetOptions, deps: BalancerDependencies) {
    const { net, shared, clock = systemClock } = deps;
    this.options = options;
    this.material = deps.material ?? noTls;
    this.poolTls.use(this.material);
    this.deps = deps;
    this.clock = clock;
    this.wheel = new Wheel(clock.monotonic());
    this.time = new RunningTime(clock, Wheel.tickMs);
    this.budget = new BufferBudget(options.limits.keptBytes, this.wheel, shared.counters, (run) => net.afterTurn(run));
    this.connects = new Connects(options.limits.connecting, null);
    this.context = this.createContext();
    this.buffers = new WriteBuffers(net);
    this.pools = this.createPools();
    this.pools.use(this.pools.plan(options, deps.numbers), clock.now());
    this.listeners = new Listeners({
      net,
      shared,
      contextFor: (listener) => {
        const [route, redirect] = [this.createRoute(listener), this.createRedirect(listener)];
        const [reserved, probes] = [this.createReserved(), this.createProbes(listener)];
        return new ListenerContext(this.context, this.buffers, listener.limits, route, redirect, reserved, probes);
      },
      routeFor: (listener) => this.createRoute(listener),
      redirectFor: (listener) => this.createRedirect(listener),
      probesFor: (listener) => this.createProbes(listener),
      reserved: () => this.createReserved(),
    });
  }

  /** Where it listens, as URLs or `unix:` paths, in the order of the config. */
  get addresses(): readonly string[] {
    return this.listeners.addresses;
  }

  /** The ports that are bound, in the same order; 0 for a unix-domain socket. */
  get ports(): readonly number[] {
    return this.listeners.ports;
  }

  /** Listens on all addresses, or on none: rejects with the system's error when one cannot be bound. */
  async start(ports: ListenerPorts): Promise<void> {
    const { listeners } = this.options;
    const { listeners: tls } = this.material;
    this.listeners.use(await this.listeners.open(listeners, this.deps.numbers, ports, tls), listeners);
    this.ticking = setInterval(() => this.tick(), Wheel.tickMs);
  }

  /**
   * Applies another config, or nothing of it: rejects with the system's error when a new address cannot be bound. Connections
   * stay, and their next request goes by the new config; open exchanges finish as they began.
   */
  async reload(options: LimpetOptions, numbers: Numbers, ports: ListenerPorts, material = noTls): Promise<void> {
    const former = this.material;
    this.material = material;
    this.poolTls.use(material);
    const { pools, listeners } = await this.prepare(options, numbers, ports).catch((error: unknown) => {
      this.material = former;
      this.poolTls.use(former);
      throw error;
    });
    // From here on nothing can fail.
    this.options = options;
    this.budget.limit = options.limits.keptBytes;
    this.connects.max = options.limits.connecting;
    this.context.tracing = this.tracingOf(options);
    // New routes lead to the new pools before the old pools end.
    this.pools.use(pools, this.clock.now(), () => this.listeners.use(listeners, options.listeners));
  }

  private async prepare(options: LimpetOptions, numbers: Numbers, ports: ListenerPorts) {
    const pools = this.pools.plan(options, numbers);
    return { pools, listeners: await this.listeners.open(options.listeners, numbers, ports, this.material.listeners) };
  }

  /** Files of certificates have changed, and nothing else: new connections have these, and open ones stay. */
  renewCertificates(material: TlsMaterial): void {
    this.material = material;
    this.poolTls.use(material);
    this.listeners.setTls(this.options.listeners, material.listeners);
  }

  /** The health of some servers of a pool has changed. Servers that this config does not have are skipped. */
  applyHealth(pool: string, healthReports: readonly NamedHealthReport[]): void {
    this.pools.get(pool)?.parts.fleet.apply(healthReports, this.clock.now());
  }

  /** These host names of servers have lost addresses: connections to those are not used again. */
  moved(names: ReadonlySet<string>): void {
    for (const pool of this.pools.all) pool.moved(names);
  }

  /** Another worker reports that a server of this pool has room. */
  offerRoom(pool: string): void {
    this.pools.get(pool)?.lookForRoom();
  }

  /**
   * Accepts nobody any more, ends idle connections, and waits for open exchanges, at most `shutdown.timeout` ms. True when all
   * of them finished by themselves.
   */
  async stop(): Promise<boolean> {
    for (const pool of this.pools.all) pool.retire();
    const finished = await this.listeners.stop(this.options.shutdown.timeout);
    this.context.accessLog?.flush();
    if (this.ticking !== null) clearInterval(this.ticking);
    return finished;
  }

  private tick(): void {
    this.wheel.turn(this.time.read());
    const now = this.clock.now();
    for (const pool of this.pools.all) {
      pool.makeRoom();
      pool.lookForRoom();
    }
    const second = Math.floor(now / 1000);
    const { table } = this.deps.shared;
    const ticks = ((sweepSeconds * 1000) / Wheel.tickMs) * this.options.workers;
    sweep(table, Math.ceil((table.pages.count * recordsPerPage) / ticks), second);
    if (second === this.second) return;
    this.second = second;
    this.pools.tick(now);
  }

  private createContext(): WorkerContext {
    const { net, shared, writeAccess, reportShortage, timers = systemTimers, debug = null } = this.deps;
    const { events = noSessionEvents } = this.deps;
    const { random = Math.random } = this.deps;
    const { access } = this.options.log;
    const { counters, stats, descriptors } = shared;
    const onDropped = (lines: number): void => counters.add(counter.access_lines_dropped, lines);
    const sampling = { share: access?.sample ?? 1, random };
    const accessLog =
      access === null ? null : new AccessLog(lineFormatOf(access.format), writeAccess, timers, onDropped, sampling);
    const { clock, wheel, budget: buffers } = this;
    return new WorkerContext({
      net,
      clock,
      wheel,
      counters,
      stats,
      buffers,
      descriptors,
      reportShortage,
      accessLog,
      debug,
      events,
      tracing: this.tracingOf(this.options),
    });
  }

  private tracingOf({ requestId, tracing }: LimpetOptions): RequestTracing | null {
    if (requestId === null && tracing === null) return null;
    return {
      requestId: requestId && { ...requestId, lower: requestId.header.toLowerCase() },
      context: tracing,
      ids: this.ids,
      sink: this.deps.traces ?? null,
    };
  }

  private createPools(): PoolSet {
    const { shared, secret, copies = null, owners = null, report, announceRoom } = this.deps;
    const { reportForeignCookie = () => {}, random = Math.random, observe = (parts: PoolParts) => parts } = this.deps;
    const { reportOtherNode } = this.deps;
    const ids = new OwnIds(secret);
    // In a fleet the nodes know each other, and all of them have this secret.
    const isAlone = this.options.fleet === null && reportOtherNode !== undefined;
    const otherNodes = isAlone
      ? new OtherNodes({ ids, startedAt: unixSeconds(this.clock), onNoticed: reportOtherNode })
      : null;
    return new PoolSet({
      contextFor: ({ limits }) => new PoolContext(this.context, this.buffers.requests, { ...limits, uriBytes: 0 }),
      shared,
      secret,
      copies,
      owners,
      connects: this.connects,
      report,
      reportForeignCookie,
      announceRoom,
      random,
      randomWords: ids.marking(randomWords()),
      otherNodes,
      rings: new TokenRings(),
      tlsOf: (pool) => this.poolTls.of(pool),
      observe,
    });
  }

  /** Each listener has a router of its own, so that `match.listeners` costs a request nothing. */
  private createRoute({ address }: ListenerOptions): FindRoute {
    return this.routerOf(({ listeners }) => isForListener(listeners, formatAddress(address)));
  }

  /** Only routes that name a listener with `redirect` are served there over plain HTTP. */
  private createRedirect({ address, redirect }: ListenerOptions): HttpsRedirect | null {
    if (redirect === null) return null;
    const exempt = this.routerOf(({ listeners }) => listeners.includes(formatAddress(address)));
    return new HttpsRedirect(exempt, () => redirect.port || this.securePort(address));
  }

  private createProbes({ probes }: ListenerOptions): Probes | null {
    if (probes === null) return null;
    const { context } = this;
    const { probeVerdict } = this.deps.shared;
    return new Probes(probes, {
      live: () => probeVerdict.live(context.seconds()),
      ready: () => probeVerdict.ready(context.seconds()),
    });
  }

  /** Servers do not know by which listener a request came, so the names of one hold for all. What is accepted of a client is written anew. */
  private createReserved(): ReservedHeaders | null {
    const { listeners, requestId, tracing } = this.options;
    const ofCertificates = listeners.flatMap(({ tls }) => Object.values(tls?.clientCertificates?.headers ?? {}));
    const ofTraces = tracing === null ? [] : ['traceparent', 'tracestate'];
    const used = [...ofCertificates, requestId?.header ?? '', ...ofTraces].filter((name) => name !== '');
    return used.length === 0 ? null : new ReservedHeaders(used);
  }

  /** Where https is served: by a listener at the same host, or else by the first one; 443: by somebody else. */
  private securePort(near: Address): number {
    const secure = this.options.listeners.filter(({ tls }) => tls !== null).map(({ address }) => address);
    const isNear = (address: Address): boolean =>
      address.kind === 'tcp' && near.kind === 'tcp' && address.host === near.host;
    const address = secure.find(isNear) ?? secure[0];
    if (address?.kind !== 'tcp') return 443;
    return address.port || this.listeners.portOf(address);
  }

  private routerOf(isWanted: (match: RouteOptions['match']) => boolean): FindRoute {
    const routes = this.options.routes.filter(({ match }) => isWanted(match));
    return createRouter(
      routes.map(({ match, pool: name, affinity }) => {
        const pool = this.pools.get(name);
        // The config has been checked.
        if (pool === undefined) throw new Error(`a route leads to the pool ${name}, which does not exist`);
        return { ...match, route: { pool, affinity } };
      }),
    );
  }
}
