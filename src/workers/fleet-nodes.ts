/**
 * This node among the others of its fleet, as the supervisor runs it: what it tells them, and what it makes of what they tell. Without
 * `fleet` in the config all of this does nothing.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import type { FleetView } from '../admin/schemas.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { EventPublisher } from '../events/bus.ts';
import type { FleetFigures } from '../metrics/fleet-families.ts';
import type { FleetKeyHolder } from '../nodes/fleet-keys.ts';
import { FleetStore } from '../nodes/fleet-store.ts';
import { formatRing, type KeyRing } from '../nodes/key-ring.ts';
import { nodeId } from '../nodes/node-id.ts';
import { type ConfigDigest, type DrainCounts, mostNames, type PoolCounts } from '../nodes/node-report.ts';
import { Nodes, type OwnReport } from '../nodes/nodes.ts';
import { Orders, type ServerOrders } from '../nodes/orders.ts';
import { wakeChannel } from '../nodes/store-names.ts';
import { type Numbers, serverName } from '../shared/slots.ts';
import type { RedisConnection } from '../store/redis-connection.ts';
import type { SessionTable } from '../table/table.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import { digestConfig } from './config-digest.ts';
import type { ConfigRollout } from './config-rollout.ts';
import { nodeViewOf, poolSums } from './fleet-view.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { changesFrom } from './kept-changes-file.ts';
import type { RequestRates } from './request-rates.ts';
import type { ServerControl } from './server-control.ts';
import { findShared } from './shared-servers.ts';

export interface FleetNodesDependencies {
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  /** null: there is no fleet. */
  readonly keys: FleetKeyHolder | null;
  readonly table: Pick<SessionTable, 'count'>;
  readonly rates: Pick<RequestRates, 'of'>;
  readonly servers: Pick<ServerControl, 'adopt' | 'changes' | 'drainCounts' | 'take'>;
  readonly monitor: Pick<HealthMonitor, 'setUnshared' | 'serversOf'>;
  readonly rollout: Pick<ConfigRollout, 'hasOwnKeys' | 'reapply' | 'rekey'>;
  readonly runtime: string;
  readonly events: EventPublisher;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: { info(message: string): void; warn(message: string): void; error(message: string): void };
}

interface Parts {
  readonly connection: RedisConnection;
  readonly nodes: Nodes;
  readonly orders: Orders;
}

/** Longest wait (ms) until the other nodes have done what was said here; a command gives up after 10 s. */
const longestWaitMs = 5000;

/** The same for each of the two steps of a rotation of keys. */
const ringWaitMs = 4000;

const nothingLeft: DrainCounts = { inflight: 0, streams: 0, tunnels: 0, uncopied: 0, isSafe: true };

export class FleetNodes {
  private readonly deps: FleetNodesDependencies;
  private parts: Parts | null = null;
  private isStarted = false;
  private readonly startedAt: number;
  private digested: { readonly options: LimpetOptions; readonly digest: ConfigDigest } | null = null;
  /** Pools to which the rule of shared servers is not applied, as it was logged last. */
  private ruledOut = '';
  /** Nodes that share the limits of servers: as the workers are told, and as all of them have it. */
  private sharers = 1;
  private sharersInForce = 1;

  constructor(deps: FleetNodesDependencies) {
    this.deps = deps;
    this.startedAt = Math.round(deps.clock.wall());
  }

  /** Before the config is prepared: takes what operators have said on other nodes, unless the store does not answer. */
  async open(connection: RedisConnection): Promise<void> {
    const { options, keys, events, clock, timers, log, servers } = this.deps;
    const { fleet, stateDir, clock: clockOptions } = options();
    if (fleet === null || keys === null) return;
    const { lease, name } = fleet;
    const store = new FleetStore(connection);
    const ring = () => (this.deps.rollout.hasOwnKeys ? null : keys.ring);
    const orders = new Orders({
      store,
      file: join(stateDir, 'orders.json'),
      adopt: (found) => this.adopt(found),
      adoptRing: (ring) => this.adoptRing(ring),
      ring,
      log,
    });
    const id = nodeId(stateDir, log);
    const nodes = new Nodes({
      store,
      id,
      run: randomBytes(8).toString('hex'),
      // Several nodes may run on one machine.
      name: name || `${nameOfHost()}-${id.slice(0, 4)}`,
      secret: keys.secret,
      ring: () => formatKnownRing(ring()),
      lease,
      skew: clockOptions.skew,
      report: () => this.report(),
      digest: () => this.digest(),
      onBeat: (revision) => this.onBeat(revision),
      events,
      clock,
      timers,
      log,
    });
    this.parts = { connection, nodes, orders };
    orders.read(ordersOf(servers.changes.byServer));
    await connection
      .ready()
      .then(() => orders.begin())
      .catch(() => undefined);
  }

  /** Resolves when the others know this node, or the store does not answer. */
  async start(): Promise<void> {
    this.isStarted = true;
    const { parts } = this;
    if (parts === null) return;
    await parts.connection.subscribe(wakeChannel, () => parts.nodes.wake());
    await parts.nodes.start();
  }

  async stop(): Promise<void> {
    await this.parts?.nodes.stop();
  }

  /** Another config is in force: the others are told at once. */
  changed(): void {
    this.parts?.orders.retry();
    if (this.isStarted) this.parts?.nodes.wake();
  }

  /**
   * These servers have left the config, or it says something else of them by now. When no other node has them either, what operators
   * have said of them is over.
   */
  dropped(servers: readonly string[]): void {
    const { parts } = this;
    if (parts === null || !this.isStarted) return;
    const others = parts.nodes.liveOthers;
    const over = servers.filter((name) => {
      const [pool = '', server = ''] = splitName(name);
      return !others.some(({ digest }) => digest === null || digest.servers[pool]?.[server] !== undefined);
    });
    if (over.length > 0) parts.orders.said(new Map(over.map((name) => [name, ''])));
  }

  /** These servers were changed here. Resolves when all nodes have done it, at the latest after five seconds. */
  async said(servers: readonly string[]): Promise<void> {
    const { parts } = this;
    if (parts === null) return;
    const now = ordersOf(this.deps.servers.changes.byServer);
    parts.orders.said(new Map(servers.map((name) => [name, now.get(name) ?? ''])));
    await this.send(parts);
  }

  /**
   * Another ring for all nodes. `pending`: the nodes that do not have it after a while. overtaken: another node was faster. Rejects with
   * UsageError when the store does not answer.
   */
  async changeRing(before: KeyRing, ring: KeyRing): Promise<'overtaken' | { readonly pending: readonly string[] }> {
    const { parts } = this;
    if (parts === null) return { pending: [] };
    try {
      if (ring !== before && !(await parts.orders.changeRing(before, ring))) return 'overtaken';
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UsageError(`fleet.store does not answer (${reason}): the keys stay as they are`);
    }
    return { pending: await this.waitForAll(parts, ringWaitMs) };
  }

  /** What the other nodes have left on a drained server. One that does not drain it may still begin sessions there. */
  drainElsewhere(pool: string, server: string): DrainCounts {
    const { parts } = this;
    if (parts === null) return nothingLeft;
    let sum = nothingLeft;
    for (const { digest, report } of parts.nodes.liveOthers) {
      if (digest !== null && digest.servers[pool]?.[server] === undefined) continue;
      const counts = report.draining[serverName(pool, server)];
      sum = {
        inflight: sum.inflight + (counts?.inflight ?? 0),
        streams: sum.streams + (counts?.streams ?? 0),
        tunnels: sum.tunnels + (counts?.tunnels ?? 0),
        uncopied: sum.uncopied + (counts?.uncopied ?? 0),
        // What a node told before this one was cut off may have changed since.
        isSafe: sum.isSafe && counts?.isSafe === true && parts.nodes.isConnected,
      };
    }
    return sum;
  }

  /** With `fleet.limits: fleet`, what this node may have of what all may have together. */
  shareLimits(options: LimpetOptions): LimpetOptions {
    if (options.fleet?.limits !== 'fleet' || this.sharers < 2) return options;
    const shareOf = (most: number): number => (most === 0 ? 0 : Math.max(1, Math.floor(most / this.sharers)));
    const pools = options.pools.map((pool) => ({
      ...pool,
      servers: pool.servers.map((server) => ({ ...server, maxRequests: shareOf(server.maxRequests) })),
    }));
    return { ...options, pools };
  }

  /** What does not keep this node from serving, for its health. */
  get notes(): readonly string[] {
    const { parts } = this;
    return parts === null || parts.nodes.isConnected ? [] : [`cut off from fleet.store: ${parts.nodes.failure}`];
  }

  /** Of this node; '' before `open`, and without a fleet. */
  get id(): string {
    return this.parts?.nodes.id ?? '';
  }

  /** Ids of the other nodes that are there. */
  get others(): readonly string[] {
    return this.parts?.nodes.liveOthers.map(({ report }) => report.id) ?? [];
  }

  /** null: there is no `fleet` in the config. */
  view(): FleetView | null {
    const { parts } = this;
    const { fleet } = this.deps.options();
    if (parts === null || fleet === null) return null;
    const { nodes, orders } = parts;
    return {
      connected: nodes.isConnected,
      reason: nodes.failure === '' ? null : nodes.failure,
      revision: nodes.revision,
      unsent: orders.unsent.length,
      sharers: this.sharersInForce,
      leaseMs: fleet.lease,
      nodes: nodes.all.map((node) => nodeViewOf(node, nodes.revision)),
      pools: poolSums(nodes.live),
    };
  }

  /** null: there is no `fleet` in the config. */
  get figures(): FleetFigures | null {
    const { parts } = this;
    if (parts === null) return null;
    const { nodes, orders } = parts;
    const { live } = nodes;
    const own = live.find(({ isOwn }) => isOwn);
    return {
      nodes: live.length,
      isCutOff: !nodes.isConnected,
      differing: live.filter(({ differs }) => differs.length > 0).length,
      clockAheadSeconds: (own?.clockAhead ?? 0) / 1000,
      revisionBehind: Math.max(0, nodes.revision - orders.revision),
      pools: poolSums(live),
    };
  }

  private async onBeat(revision: number): Promise<void> {
    const { parts } = this;
    if (parts === null) return;
    const before = parts.orders.revision;
    await parts.orders.sync(revision);
    // Whoever has said it waits for this.
    if (parts.orders.revision !== before) parts.nodes.wake();
    this.applyShared(parts.nodes);
    await this.applyLimits(parts.nodes);
  }

  /** Sends what is unsent, and waits for the others. A store that is away is a warning: it is sent when it is back. */
  private async send(parts: Parts): Promise<void> {
    const { log } = this.deps;
    try {
      await parts.orders.sync(parts.nodes.revision);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`fleet: what was said here holds on this node only until fleet.store answers (${reason})`);
      return;
    }
    await this.waitForAll(parts, longestWaitMs);
  }

  /** The names of the live nodes that have not carried out what this one has, after `limitMs` at the latest. */
  private async waitForAll({ nodes, orders }: Parts, limitMs: number): Promise<string[]> {
    const { clock, timers } = this.deps;
    const wanted = orders.revision;
    const end = clock.monotonic() + limitMs;
    const pending = (): string[] =>
      nodes.liveOthers.flatMap(({ report }) => (report.revision >= wanted ? [] : [report.name]));
    nodes.wake();
    while (pending().length > 0 && clock.monotonic() < end) {
      await within(timers, end - clock.monotonic(), nodes.beatEnd());
    }
    return pending();
  }

  private async adopt(orders: ServerOrders): Promise<void> {
    const { servers } = this.deps;
    if (this.isStarted) await servers.adopt(changesFrom(orders));
    else servers.take(changesFrom(orders));
  }

  private async adoptRing(ring: KeyRing): Promise<void> {
    this.deps.keys?.use(ring);
    await this.deps.rollout.rekey();
  }

  /** Servers that another node does not have get no new sessions. */
  private applyShared(nodes: Nodes): void {
    const { monitor, log, options } = this.deps;
    const others = nodes.liveOthers.map(({ report, digest }) => ({ name: report.name, digest }));
    const { missing, ruledOut } = findShared(this.digest().servers, others);
    for (const { name: pool, servers } of options().pools) {
      for (const { name: server } of servers) {
        const node = missing.get(pool)?.get(server);
        const reason = node === undefined ? 'all nodes of the fleet have it' : `node ${node} does not have it`;
        monitor.setUnshared(pool, server, node !== undefined, reason);
      }
    }
    const text = ruledOut.join(', ');
    if (text !== '' && text !== this.ruledOut) {
      log.warn(
        `fleet: no server of ${text} is on all nodes: sessions that begin on one node have no server on another`,
      );
    }
    this.ruledOut = text;
  }

  private async applyLimits(nodes: Nodes): Promise<void> {
    const { options, rollout } = this.deps;
    const { fleet, pools } = options();
    const live = nodes.live.length;
    if (fleet?.limits !== 'fleet' || live === this.sharers) return;
    this.sharers = live;
    if (pools.some(({ servers }) => servers.some(({ maxRequests }) => maxRequests > 0))) await rollout.reapply();
    this.sharersInForce = this.sharers;
  }

  private async report(): Promise<OwnReport> {
    const { runtime, servers } = this.deps;
    const { revision, failure } = this.parts?.orders ?? { revision: 0, failure: '' };
    return {
      version: packageJson.version,
      runtime,
      started: this.startedAt,
      revision,
      failure: failure.slice(0, 200),
      pools: this.poolCounts(),
      draining: await servers.drainCounts(),
    };
  }

  private poolCounts(): Record<string, PoolCounts> {
    const { options, numbers, table, rates } = this.deps;
    const { slots } = numbers();
    const counts: Record<string, PoolCounts> = {};
    for (const { name: pool, servers } of options().pools.slice(0, mostNames)) {
      let sessions = 0;
      for (const { name } of servers) sessions += Math.max(0, table.count(slots.get(serverName(pool, name)) ?? 0));
      counts[pool] = { requestsPerSecond: rates.of(pool), sessions };
    }
    return counts;
  }

  private digest(): ConfigDigest {
    const options = this.deps.options();
    if (this.digested?.options !== options) {
      this.digested = { options, digest: digestConfig(options, this.deps.keys?.secret ?? Buffer.alloc(0)) };
    }
    return this.digested.digest;
  }
}

function ordersOf(changes: ReadonlyMap<string, unknown>): ServerOrders {
  return new Map([...changes].map(([name, change]) => [name, JSON.stringify(change)]));
}

function formatKnownRing(ring: KeyRing | null): string {
  return ring === null ? '' : formatRing(ring);
}

/** A pool's name has no slash. */
function splitName(name: string): [pool: string, server: string] {
  const slash = name.indexOf('/');
  return [name.slice(0, slash), name.slice(slash + 1)];
}

/** What of it may stand in a name of a node. */
function nameOfHost(): string {
  return (
    hostname()
      .replaceAll(/[^\w.-]/g, '-')
      .slice(0, 59) || 'node'
  );
}
