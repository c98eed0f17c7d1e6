/**
 * What operators see and change of servers while the balancer runs, without a reload. Changes are kept (kept-changes.ts); all
 * counts are words of shared memory, so that nothing here reads the session table but the last look of a drain.
 */

import { isDeepStrictEqual } from 'node:util';
import type { AddedServer, DrainState, ServerView } from '../admin/schemas.ts';
import { parseServer, serverForm } from '../config/address.ts';
import { defaults } from '../config/defaults.ts';
import type { LimpetOptions, PoolServer } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { Load } from '../fleet/load.ts';
import { formatAddress } from '../net/socket.ts';
import { type DrainCounts, mostNames } from '../nodes/node-report.ts';
import { type Numbers, serverName } from '../shared/slots.ts';
import type { Count } from '../table/census.ts';
import type { SessionTable } from '../table/table.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { DrainWait } from './drain-wait.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { type KeptChange, KeptChanges, type ServerEdit } from './kept-changes.ts';
import { readKeptChanges, writeKeptChanges } from './kept-changes-file.ts';

export interface ServerControlDependencies {
  /** In which changes are kept. */
  readonly file: string;
  /** The config in force, with what was changed. */
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  /** Puts the pools in force once more, with what was changed; rejects, and nothing has changed, when that cannot be. */
  readonly reapply: () => Promise<void>;
  /** Resolves when every worker has handled all messages before. */
  readonly sync: () => Promise<void>;
  readonly monitor: Pick<HealthMonitor, 'setState' | 'stateOf' | 'loggedOf'>;
  readonly load: Pick<Load, 'running' | 'waiting' | 'streams' | 'tunnels'>;
  readonly table: Pick<SessionTable, 'count' | 'countCopied'>;
  /** Reads the whole table: live sessions by slot. */
  readonly census: () => Promise<ReadonlyMap<number, Count>>;
  /** What other nodes of the fleet have left on a drained server. */
  readonly elsewhere: (pool: string, server: string) => DrainCounts;
  /** These servers were changed here: resolves when the other nodes of the fleet have done it, too, or have had the time to. */
  readonly onSaid: (servers: readonly string[]) => Promise<void>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
  readonly log: { warn(message: string): void };
}

const largestWeight = 65_535;
const largestCap = 1_000_000;
/** Between two looks at the whole table (ms) for what other nodes are told. */
const censusPauseMs = 5000;

export class ServerControl {
  private readonly deps: ServerControlDependencies;
  private kept = KeptChanges.none;
  private last: Promise<unknown> = Promise.resolve();
  /** For what other nodes are told: the servers of which it has found nothing. */
  private lastCensus: { readonly at: number; readonly safe: ReadonlySet<string> } = {
    at: Number.NEGATIVE_INFINITY,
    safe: new Set(),
  };

  constructor(deps: ServerControlDependencies) {
    this.deps = deps;
  }

  /** What holds beside the config. */
  get changes(): KeptChanges {
    return this.kept;
  }

  /** At the start: what was changed before the restart. A file that cannot be used is logged, and the config holds alone. */
  read(): void {
    this.orWarn(() => {
      this.kept = readKeptChanges(this.deps.file);
    });
  }

  /** Once the monitor knows the servers: their states before the restart. */
  restore(): void {
    for (const { name: pool, servers } of this.deps.options().pools) {
      for (const { name } of servers) {
        const state = this.kept.stateOf(pool, name);
        if (state !== 'ready') this.deps.monitor.setState(pool, name, state, 'as before the restart');
      }
    }
  }

  /**
   * A config was put in force, with these servers: what does not hold any more under it is forgotten. Returns the servers of which
   * nothing is kept any more, as `pool/server`.
   */
  settle(pools: LimpetOptions['pools']): readonly string[] {
    const before = this.kept;
    this.keep(this.kept.settled(pools));
    return [...before.byServer.keys()].filter((name) => !this.kept.byServer.has(name));
  }

  /** At the start, before the config is prepared: this holds in place of what this node has kept. */
  take(changes: KeptChanges): void {
    this.keep(changes);
  }

  /** Other nodes of the fleet have said this: it holds in place of what was kept. Rejects when the servers cannot be so. */
  adopt(changes: KeptChanges): Promise<void> {
    return this.inTurn(async () => {
      const { options, monitor, sync } = this.deps;
      const before = this.kept;
      if (changes.equals(before)) return;
      const names = new Set([...before.byServer.keys(), ...changes.byServer.keys()]);
      const isStateOnly = [...names].every((name) =>
        differInState(before.byServer.get(name), changes.byServer.get(name)),
      );
      if (isStateOnly) this.keep(changes);
      else await this.apply(changes);
      for (const { name: pool, servers } of options().pools) {
        for (const { name } of servers) {
          const state = changes.stateOf(pool, name);
          if (state !== before.stateOf(pool, name))
            monitor.setState(pool, name, state, 'by an operator at another node');
        }
      }
      await sync();
    });
  }

  list(): Promise<readonly ServerView[]> {
    const { slots } = this.deps.numbers();
    const views = this.deps
      .options()
      .pools.flatMap(({ name: pool, servers }) =>
        servers.map((server) => this.viewOf(pool, server, slots.get(serverName(pool, server.name)) ?? 0)),
      );
    return Promise.resolve(views);
  }

  /** Resolves when every worker has applied it. Rejects with UsageError for a number out of range. */
  async change(pool: string, server: string, edit: ServerEdit): Promise<'done' | 'no-such-server'> {
    checkRange('weight', edit.weight, largestWeight);
    checkRange('maxRequests', edit.maxRequests, largestCap);
    return this.said(pool, server, async () => {
      const { monitor, sync } = this.deps;
      const found = this.find(pool, server);
      if (found === undefined) return 'no-such-server';
      if (edit.weight !== undefined || edit.maxRequests !== undefined) {
        await this.apply(this.kept.edited(pool, this.configured(pool, found), edit));
      } else this.keep(this.kept.edited(pool, found, edit));
      if (edit.state !== undefined) {
        monitor.setState(pool, server, edit.state);
        await sync();
      }
      return 'done';
    });
  }

  /** Rejects with UsageError for a name, an address or a number that no config may have, and when there is no room for it. */
  async add(
    pool: string,
    { name, address, weight, maxRequests }: AddedServer,
  ): Promise<'done' | 'no-such-pool' | 'exists'> {
    checkRange('weight', weight, largestWeight);
    checkRange('maxRequests', maxRequests, largestCap);
    const parsed = parseServer(address);
    if (parsed === null) throw new UsageError(`address is "${address}", expected ${serverForm}`);
    if (!/^[\x21-\x7e]{1,128}$/.test(name)) {
      throw new UsageError(`name is "${name}", expected a name of 1 to 128 printable characters without spaces`);
    }
    const server: PoolServer = {
      name,
      address: parsed,
      weight: weight ?? defaults.server.weight,
      maxRequests: maxRequests ?? defaults.server.maxRequests,
      resolve: 'any',
    };
    return this.said(pool, name, async () => {
      if (!this.deps.options().pools.some((one) => one.name === pool)) return 'no-such-pool';
      if (this.find(pool, name) !== undefined) return 'exists';
      await this.apply(this.kept.add(pool, server));
      return 'done';
    });
  }

  /** Exchanges that run there finish. Its sessions go the way of those whose owner has failed; drain it first. */
  remove(pool: string, server: string): Promise<'done' | 'no-such-server' | 'last-server'> {
    return this.said(pool, server, async () => {
      const found = this.find(pool, server);
      if (found === undefined) return 'no-such-server';
      const { pools } = this.deps.options();
      if (pools.find(({ name }) => name === pool)?.servers.length === 1) return 'last-server';
      await this.apply(this.kept.remove(pool, found));
      return 'done';
    });
  }

  /** Resolves when nothing is lost if the server is stopped, after `waitMs` at the latest, or when `signal` says so. */
  async drained(
    pool: string,
    server: string,
    waitMs = 0,
    signal?: AbortSignal,
    pollMs?: number,
  ): Promise<DrainState | 'no-such-server'> {
    const { census, timers } = this.deps;
    const now = () => this.drainStateAnywhere(pool, server);
    const isSafe = async () => {
      const isSafeHere = this.isSafe(pool, server, await census());
      return isSafeHere && this.deps.elsewhere(pool, server).isSafe;
    };
    const wait = new DrainWait({ timers, now, isSafe, ...(pollMs !== undefined && { pollMs }) });
    return await wait.wait(waitMs, signal);
  }

  /** What is left on each server that is drained, by `pool/server`. */
  async drainCounts(): Promise<Readonly<Record<string, DrainCounts>>> {
    const { options, monitor, clock, census } = this.deps;
    const drained = options()
      .pools.flatMap(({ name: pool, servers }) => servers.map(({ name }) => [pool, name] as const))
      .filter(([pool, name]) => monitor.stateOf(pool, name).drained)
      .slice(0, mostNames);
    const counts: Record<string, DrainCounts> = {};
    for (const [pool, name] of drained) {
      const state = this.drainStateOf(pool, name);
      if (state === 'no-such-server') continue;
      counts[serverName(pool, name)] = { ...state.waitingFor, isSafe: state.drained };
    }
    // The counts have sessions that have expired; a census, which reads the whole table, does not. Once in a while.
    const isDue = Object.values(counts).some(({ isSafe, inflight }) => !isSafe && inflight === 0);
    if (isDue && clock.monotonic() - this.lastCensus.at >= censusPauseMs) {
      const table = await census();
      const found = drained.filter(([pool, name]) => this.isSafe(pool, name, table));
      this.lastCensus = { at: clock.monotonic(), safe: new Set(found.map(([pool, name]) => serverName(pool, name))) };
    }
    // One that was used again in between is looked at anew.
    const safe = new Set([...this.lastCensus.safe].filter((name) => counts[name] !== undefined));
    this.lastCensus = { ...this.lastCensus, safe };
    for (const [name, found] of Object.entries(counts)) {
      if (found.inflight > 0 || !safe.has(name)) continue;
      counts[name] = { ...found, uncopied: 0, isSafe: true };
    }
    return counts;
  }

  /** The same with what the other nodes of the fleet have there. */
  private drainStateAnywhere(pool: string, server: string): DrainState | 'no-such-server' {
    const state = this.drainStateOf(pool, server);
    if (state === 'no-such-server') return state;
    const { isSafe, ...counts } = this.deps.elsewhere(pool, server);
    const { inflight, streams, tunnels, uncopied } = state.waitingFor;
    return {
      ...state,
      drained: state.drained && isSafe,
      waitingFor: {
        inflight: inflight + counts.inflight,
        streams: streams + counts.streams,
        tunnels: tunnels + counts.tunnels,
        uncopied: uncopied + counts.uncopied,
      },
    };
  }

  /** By the counts, which may be a little too high: that of the table has expired sessions that are not swept yet. */
  private drainStateOf(pool: string, server: string): DrainState | 'no-such-server' {
    const found = this.find(pool, server);
    if (found === undefined) return 'no-such-server';
    const slot = this.deps.numbers().slots.get(serverName(pool, server)) ?? 0;
    const { state, drained, inflight, waiting, streams, tunnels, sessions } = this.viewOf(pool, found, slot);
    const { uncopied } = sessions;
    return {
      drained: drained && inflight === 0 && waiting === 0 && uncopied === 0,
      state,
      waitingFor: { inflight: inflight + waiting, streams, tunnels, uncopied },
    };
  }

  /** By a census of the whole table, which a worker that died has not made wrong. */
  private isSafe(pool: string, server: string, counts: ReadonlyMap<number, Count>): boolean {
    const state = this.drainStateOf(pool, server);
    if (state === 'no-such-server') return true;
    const slot = this.deps.numbers().slots.get(serverName(pool, server)) ?? 0;
    const { live, copied } = counts.get(slot) ?? { live: 0, copied: 0 };
    return this.deps.monitor.stateOf(pool, server).drained && state.waitingFor.inflight === 0 && live === copied;
  }

  private viewOf(pool: string, { name, address, weight, maxRequests }: PoolServer, slot: number): ServerView {
    const { load, monitor, table } = this.deps;
    const { state, drained } = monitor.stateOf(pool, name);
    const logged = monitor.loggedOf(pool, name);
    const lastCheck = logged?.lastCheck ?? null;
    const inflight = Math.max(0, load.running(slot));
    const live = Math.max(0, table.count(slot));
    const copied = Math.min(live, Math.max(0, table.countCopied(slot)));
    return {
      pool,
      name,
      address: formatAddress(address),
      state,
      drained,
      weight,
      maxRequests,
      inflight,
      waiting: Math.max(0, load.waiting(slot)),
      streams: Math.max(0, load.streams(slot)),
      tunnels: Math.max(0, load.tunnels(slot)),
      sessions: { live, copied, uncopied: live - copied },
      since: logged === undefined ? null : new Date(logged.since).toISOString(),
      reason: logged?.reason || null,
      lastCheck: lastCheck && { at: new Date(lastCheck.at).toISOString(), problem: lastCheck.problem },
      source: this.kept.isAdded(pool, name) ? 'api' : 'config',
      loss: { sessions: live - copied, exchanges: inflight },
    };
  }

  private find(pool: string, server: string): PoolServer | undefined {
    return this.deps
      .options()
      .pools.find(({ name }) => name === pool)
      ?.servers.find(({ name }) => name === server);
  }

  /** The server with the numbers of the config. */
  private configured(pool: string, server: PoolServer): PoolServer {
    return { ...server, ...this.kept.configuredNumbers(pool, server) };
  }

  private async apply(changes: KeptChanges): Promise<void> {
    const before = this.kept;
    this.kept = changes;
    try {
      await this.deps.reapply();
    } catch (error) {
      this.kept = before;
      throw error;
    }
    this.write();
  }

  private keep(changes: KeptChanges): void {
    if (changes.equals(this.kept)) return;
    this.kept = changes;
    this.write();
  }

  private write(): void {
    this.orWarn(() => writeKeptChanges(this.deps.file, this.kept));
  }

  /** What has been done here is done by the other nodes of a fleet before it is answered. */
  private async said<Result>(pool: string, server: string, change: () => Promise<Result>): Promise<Result> {
    const result = await this.inTurn(change);
    if (result === 'done') await this.deps.onSaid([serverName(pool, server)]);
    return result;
  }

  private inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const done = this.last.then(change);
    this.last = done.catch(() => undefined);
    return done;
  }

  private orWarn(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.deps.log.warn(error.message);
    }
  }
}

/** What differs is what an operator says of it, and no number and no address: the config need not be put in force again. */
function differInState(a: KeptChange = {}, b: KeptChange = {}): boolean {
  return isDeepStrictEqual({ ...a, state: undefined }, { ...b, state: undefined });
}

function checkRange(field: string, value: number | undefined, largest: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= largest)) return;
  throw new UsageError(`${field} is ${value}, expected a whole number from 0 to ${largest}`);
}
