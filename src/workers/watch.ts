/**
 * The health of all servers, judged in one place for all workers: active checks run here, what traffic sees is told by the
 * workers, and each change goes to all of them as one new set of standings.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LimpetOptions, PoolOptions, PoolServer } from '../config/options.ts';
import { Fleet, type Standing } from '../fleet/fleet.ts';
import type { Load } from '../fleet/load.ts';
import { Server, type ServerState } from '../fleet/server.ts';
import { ActiveChecks } from '../health/active.ts';
import { PassiveHealth, type Sighting } from '../health/passive.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Net } from '../net/socket.ts';
import { type Numbers, poolName, serverName } from '../shared/roster.ts';
import type { Clock, Timers } from '../time/clock.ts';
import type { DrainedServer } from './drained.ts';
import type { Standings } from './messages.ts';

export interface WatchDependencies {
  readonly net: Net;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly load: Load;
  readonly counters: Counters;
  readonly log: {
    info(message: string): void;
    warn(message: string): void;
  };
  /** After each change. */
  readonly tell: (pool: string, standings: readonly Standing[]) => void;
}

interface Watched {
  readonly options: PoolOptions;
  readonly fleet: Fleet;
  readonly passive: PassiveHealth | null;
  stop(): void;
}

export class Watch {
  private readonly deps: WatchDependencies;
  private pools = new Map<string, Watched>();

  constructor(deps: WatchDependencies) {
    this.deps = deps;
  }

  /** Watches the servers of this config from now on. What was known of a server that is still in it stays known. */
  follow({ pools }: LimpetOptions, numbers: Numbers): void {
    const before = this.pools;
    this.pools = new Map();
    for (const pool of pools) {
      const old = before.get(pool.name);
      if (old !== undefined && isDeepStrictEqual(old.options, pool)) this.pools.set(pool.name, old);
      else this.pools.set(pool.name, this.watch(pool, numbers, old));
    }
    for (const [name, old] of before) if (this.pools.get(name) !== old) old.stop();
  }

  get standings(): Standings {
    return new Map([...this.pools].map(([name, { fleet }]) => [name, wordsOf(fleet)]));
  }

  /** Traffic has seen something of a server, by its position in the pool. Nothing happens when the pool is gone. */
  see(pool: string, number: number, sighting: Sighting): void {
    const watched = this.pools.get(pool);
    const server = watched?.fleet.servers[number];
    if (server === undefined) return;
    if (sighting.what === 'misframed') {
      const then = 'Requests to it are not pipelined any more, and its connections are reused with caution';
      this.deps.log.warn(`server ${pool}/${server.name} breaks HTTP: ${sighting.how}. ${then}`);
    } else if (sighting.what === 'connect-failed') watched?.passive?.connectFailed(server);
    else watched?.passive?.answered(server, sighting.status);
  }

  /** An operator's word; false: there is no such server. It holds until the opposite is said, through reloads. */
  drain(pool: string, name: string, drained: boolean): boolean {
    const fleet = this.pools.get(pool)?.fleet;
    const server = fleet?.servers.find((one) => one.name === name);
    if (fleet === undefined || server === undefined) return false;
    fleet.setDrained(server, drained, this.deps.clock.now());
    this.deps.log.info(`server ${pool}/${name} is ${drained ? 'drained' : 'ready'}`);
    // Its state may be the same as before (one that is down stays down), and the workers have to know all the same.
    this.deps.tell(pool, wordsOf(fleet));
    return true;
  }

  /** Those that are drained by an operator's word. */
  get drained(): DrainedServer[] {
    return [...this.pools].flatMap(([pool, { fleet }]) =>
      fleet.servers.filter((_, i) => fleet.words[i]!.drained).map(({ name }): DrainedServer => [pool, name]),
    );
  }

  /** Of a server by its position in the pool. */
  stateOf(pool: string, number: number): { readonly state: ServerState; readonly drained: boolean } {
    const fleet = this.pools.get(pool)?.fleet;
    const state = fleet?.servers[number]?.state ?? 'down';
    return { state, drained: fleet?.words[number]?.drained ?? false };
  }

  stop(): void {
    for (const { stop } of this.pools.values()) stop();
  }

  private watch(options: PoolOptions, { slots }: Numbers, before: Watched | undefined): Watched {
    const { net, clock, timers, random, load, counters, log, tell } = this.deps;
    const { name } = options;
    const slotOf = (of: string) => slots.get(of) ?? 0;
    const servers = options.servers.map(
      (server, i) => new Server(server, i, i + 1, load, slotOf(serverName(name, server.name))),
    );
    for (const [i, server] of servers.entries()) if (isNew(options.servers[i]!, before)) server.setMisframed(false);
    const fleet = new Fleet(servers, options.health, load, slotOf(poolName(name)));
    if (before !== undefined) fleet.follow(inherit(fleet, options, before), clock.now());
    const say = (server: Server, up: boolean, reason: string): void =>
      log[up ? 'info' : 'warn'](`server ${name}/${server.name} ${up ? 'is back' : 'is out'}: ${reason}`);
    fleet.onChange = (server, from, to) => {
      log.info(`server ${name}/${server.name}: ${from} -> ${to}`);
      tell(name, wordsOf(fleet));
    };

    const { active, passive } = options.health;
    const checks =
      active === null ? null : new ActiveChecks({ fleet, options: active, net, clock, timers, random, log: say });
    checks?.start();
    const ejected = (server: Server, up: boolean, reason: string): void => {
      if (!up) counters.add(counter.ejections);
      say(server, up, reason);
    };
    const breakers =
      passive === null ? null : new PassiveHealth({ fleet, options: passive, clock, timers, log: ejected });
    const stop = (): void => {
      checks?.stop();
      breakers?.stop();
    };
    return { options, fleet, passive: breakers, stop };
  }
}

/** No server of this name and address was in the pool: what one before it did with the same number in the table is not its fault. */
function isNew({ name, address }: PoolServer, before: Watched | undefined): boolean {
  const old = before?.options.servers.find((server) => server.name === name);
  return old === undefined || !isDeepStrictEqual(old.address, address);
}

/** A copy: standings go on changing here while they are on their way. */
function wordsOf(fleet: Fleet): Standing[] {
  return fleet.words.map((words) => ({ ...words }));
}

/**
 * A server that is still there with the same name and address is as well as it was by its checks. An ejection ends with
 * the breaker that had made it: the next failures make another one.
 */
function inherit(fleet: Fleet, options: PoolOptions, before: Watched): Standing[] {
  return fleet.words.map((words, i) => {
    const { name, address } = options.servers[i]!;
    const old = before.options.servers.findIndex((server) => server.name === name);
    if (old < 0 || !isDeepStrictEqual(before.options.servers[old]!.address, address)) return { ...words };
    const active = options.health.active === null ? true : before.fleet.words[old]!.active;
    return { ...before.fleet.words[old]!, active, passive: true };
  });
}
