/** The composition root: the one file that knows everyone. It turns filled options into a running balancer. */
import { randomFillSync } from 'node:crypto';
import type { Affinity } from './affinity/affinity.ts';
import { CookieAffinity } from './affinity/cookie.ts';
import { ForceAffinity } from './affinity/force.ts';
import { RewriteAffinity } from './affinity/rewrite.ts';
import { RouteAffinity } from './affinity/route.ts';
import { SourceIpAffinity } from './affinity/source-ip.ts';
import { derive, TokenRing } from './affinity/token.ts';
import { Chooser } from './balance/chooser.ts';
import { Homes } from './balance/home.ts';
import { createPolicy } from './balance/index.ts';
import { Rendezvous } from './balance/rendezvous.ts';
import type { AffinityOptions, LimpetOptions, ListenerOptions, PoolOptions } from './config/options.ts';
import { Fleet } from './fleet/fleet.ts';
import { serverIds } from './fleet/id.ts';
import { Server } from './fleet/server.ts';
import { ActiveChecks } from './health/active.ts';
import { PassiveHealth } from './health/passive.ts';
import type { HeadLimits } from './http/head.ts';
import { AccessLog } from './metrics/access-log.ts';
import { Counters, counter } from './metrics/counters.ts';
import { formatAddress, type Listener, type Net, type Socket } from './net/socket.ts';
import { trustOf } from './net/trust.ts';
import { Downstream, type ListenerSettings } from './proxy/downstream.ts';
import { Pool, type PoolParts } from './proxy/pool.ts';
import { createRouter } from './proxy/router.ts';
import { Work } from './proxy/work.ts';
import { Moves } from './table/moves.ts';
import { type Clock, systemClock, systemTimers, type Timers } from './time/clock.ts';
import { Wheel } from './time/wheel.ts';

export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

export interface LimpetDependencies {
  readonly net: Net;
  readonly log: Log;
  /** Takes whole lines of the access log. */
  readonly writeAccess: (lines: string) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: () => number;
  /** Stands between a pool and the decisions made for it: `limpet explain` listens in here. */
  readonly observe?: (parts: PoolParts, pool: PoolOptions) => PoolParts;
}

/** Connections beyond the limit that are told so at one time; more are reset. */
const maxRefusing = 256;

/** Moves are kept for as long as a client may take to send all requests that it made with its old token. */
const maxMoves = 100_000;
const keepMoves = 600;

export class Limpet {
  /** Where it listens, as URLs or `unix:` paths, in the order of the config. */
  readonly addresses: string[] = [];
  private readonly options: LimpetOptions;
  private readonly deps: LimpetDependencies;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly random: () => number;
  private readonly counts = new Counters();
  private readonly wheel: Wheel;
  private readonly accessLog: AccessLog | null;
  private readonly works: Work[] = [];
  private readonly pools = new Map<string, Pool>();
  private readonly listeners: Listener[] = [];
  private readonly connections = new Set<Downstream>();
  private readonly stopHealth: (() => void)[] = [];
  private ticking: ReturnType<typeof setInterval> | null = null;
  private second = 0;
  private whenIdle: (() => void) | null = null;

  constructor(options: LimpetOptions, deps: LimpetDependencies) {
    this.options = options;
    this.deps = deps;
    this.clock = deps.clock ?? systemClock;
    this.timers = deps.timers ?? systemTimers;
    this.random = deps.random ?? Math.random;
    this.wheel = new Wheel(this.clock.monotonic());
    const { access } = options.log;
    this.accessLog = access === 'off' ? null : new AccessLog(access, deps.writeAccess, this.timers);
    for (const pool of options.pools) this.pools.set(pool.name, this.createPool(pool));
  }

  /** Listens everywhere, or nowhere: rejects with the system's error when one address cannot be bound. */
  async start(): Promise<void> {
    try {
      for (const listener of this.options.listeners) await this.listen(listener);
    } catch (error) {
      for (const listener of this.listeners.splice(0)) listener.close();
      throw error;
    }
    this.ticking = setInterval(() => this.tick(), Wheel.tickMs);
  }

  /**
   * Stops accepting, ends idle connections, and waits for exchanges under way, at most `shutdown.timeout` ms.
   * True when all of them finished by themselves.
   */
  async stop(): Promise<boolean> {
    for (const listener of this.listeners) listener.close();
    for (const stop of this.stopHealth) stop();
    for (const work of this.works) work.stopping = true;
    for (const connection of this.connections) connection.stop();
    const finished = this.connections.size === 0 || (await this.idle(this.options.shutdown.timeout));
    for (const work of this.works) for (const tunnel of work.tunnels) tunnel.close();
    for (const connection of this.connections) connection.destroy();
    for (const pool of this.pools.values()) pool.closeIdle();
    this.accessLog?.flush();
    if (this.ticking !== null) clearInterval(this.ticking);
    return finished;
  }

  counters(): Record<string, number> {
    return this.counts.snapshot();
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
    const second = Math.floor(now / 1000);
    if (second === this.second) return;
    this.second = second;
    for (const { parts } of this.pools.values()) {
      parts.fleet.tick(now);
      if (!parts.moves.isEmpty) parts.moves.expire(second);
    }
  }

  private createWork(limits: HeadLimits, route: Work['route']): Work {
    const { net } = this.deps;
    const work = new Work({
      net,
      clock: this.clock,
      wheel: this.wheel,
      counters: this.counts,
      accessLog: this.accessLog,
      limits,
      route,
    });
    this.works.push(work);
    return work;
  }

  private async listen(options: ListenerOptions): Promise<void> {
    const { address, backlog, reusePort } = options;
    const name = formatAddress(address);
    let open = 0;
    const work = this.createWork(
      options.limits,
      createRouter(
        this.options.routes.map(({ match, pool, affinity }) => ({
          ...match,
          route: { pool: this.pools.get(pool)!, affinity },
        })),
      ),
    );
    const settings: ListenerSettings = {
      name,
      isTrusted: trustOf(options.trustedProxies),
      upgrades: options.upgrades,
      halfClose: options.halfClose,
      bodyBytes: options.limits.bodyBytes,
      timeouts: options.timeouts,
      onClose: (connection) => {
        open--;
        this.closed(connection);
      },
    };
    const accept = (socket: Socket): Downstream | null => {
      const over = open - options.limits.connections;
      if (over >= 0) this.counts.add(counter.connections_refused);
      // A TCP client that reset at once has no address any more; '' stands for a unix-domain socket, which may be trusted.
      const lost = socket.remoteAddress === '' && address.kind === 'tcp';
      if (over >= maxRefusing || work.stopping || lost) return null;
      this.counts.add(counter.connections_accepted);
      this.counts.add(counter.connections_open);
      const connection = new Downstream(work, settings, socket);
      open++;
      this.connections.add(connection);
      if (over >= 0) connection.refuseConnection();
      return connection;
    };
    const listener = await this.deps.net.listen({ address, backlog, reusePort, accept });
    this.listeners.push(listener);
    this.addresses.push(
      address.kind === 'unix'
        ? name
        : `http://${formatAddress({ ...address, host: address.host || '0.0.0.0', port: listener.port })}`,
    );
  }

  private closed(connection: Downstream): void {
    if (!this.connections.delete(connection)) return;
    this.counts.add(counter.connections_open, -1);
    if (this.connections.size === 0) this.whenIdle?.();
  }

  private createPool(options: PoolOptions): Pool {
    const { fleet, health } = this.createFleet(options);
    const chooser = new Chooser(createPolicy(options.balance, { random: this.random }), fleet, options);
    const borrower = new Chooser(new Rendezvous(), fleet, { maxLoad: 0 });
    const homes = new Homes(fleet.servers);
    const work = this.createWork({ ...options.limits, uriBytes: 0 }, () => null);
    const parts: PoolParts = {
      fleet,
      affinities: options.affinity.map((affinity) => this.createAffinity(affinity, options.name, fleet)),
      moves: new Moves(maxMoves, keepMoves, () => this.counts.add(counter.moves_evicted)),
      choose: (key, tried) => {
        if (fleet.snapshot.panic) this.counts.add(counter.panic_choices);
        return chooser.choose(key, tried);
      },
      busy: (tried) => chooser.busy(tried),
      home: (key) => homes.of(key),
      borrow: (key, tried) => borrower.choose(key, tried),
      health,
    };
    const pool: Pool = new Pool(
      work,
      {
        ...options,
        identify: this.options.identify,
        whenOwnerFails: options.whenOwnerFails.action,
        rejectStatus: options.whenOwnerFails.action === 'reject' ? options.whenOwnerFails.status : 503,
      },
      this.deps.observe?.(parts, options) ?? parts,
    );
    fleet.onChange = (server, from, to) => {
      this.deps.log.info(`server ${options.name}/${server.name}: ${from} -> ${to}`);
      pool.wake();
    };
    return pool;
  }

  private createFleet(options: PoolOptions): { fleet: Fleet; health: PassiveHealth | null } {
    const names = options.servers.map((server) => server.name);
    const [ids, ...older] = this.options.keys.map((key) => serverIds(names, key));
    const servers = options.servers.map((server, i) => new Server(server, i, ids![i]!));
    const fleet = new Fleet(servers, options.health);
    for (const aliases of older) for (const [i, id] of aliases.entries()) fleet.alias(id, servers[i]!);

    const { clock, timers, random } = this;
    const { net, log } = this.deps;
    const { active, passive } = options.health;
    const say = (server: Server, up: boolean, reason: string): void =>
      log[up ? 'info' : 'warn'](`server ${options.name}/${server.name} ${up ? 'is back' : 'is out'}: ${reason}`);
    if (active !== null) {
      const checks = new ActiveChecks({ fleet, options: active, net, clock, timers, random, log: say });
      checks.start();
      this.stopHealth.push(() => checks.stop());
    }
    let health: PassiveHealth | null = null;
    if (passive !== null) {
      const ejected = (server: Server, up: boolean, reason: string): void => {
        if (!up) this.counts.add(counter.ejections);
        say(server, up, reason);
      };
      const watch = new PassiveHealth({ fleet, options: passive, clock, timers, log: ejected });
      this.stopHealth.push(() => watch.stop());
      health = watch;
    }
    return { fleet, health };
  }

  private createAffinity(options: AffinityOptions, pool: string, { servers }: Fleet): Affinity {
    const { keys } = this.options;
    const idOf = (name: string) => servers.find((server) => server.name === name)?.id;
    switch (options.type) {
      case 'cookie': {
        const times = { idle: options.idle / 1000, absolute: options.absolute / 1000 };
        return new CookieAffinity(options, { ring: new TokenRing(keys, pool, times), randomWords });
      }
      case 'rewrite':
        return new RewriteAffinity(options, { keys, pool, randomWords });
      case 'route':
        // The config's check has seen that each server exists.
        return new RouteAffinity(options, (name) => idOf(name)!);
      case 'force':
        return new ForceAffinity(options.key, { keys, idOf });
      case 'source-ip':
        return new SourceIpAffinity(options, derive(keys[0]!, 'limpet source-ip'));
    }
  }
}

function randomWords(words: Uint32Array): void {
  randomFillSync(words);
}
