/** This node among the others of its fleet, as the supervisor runs it: what it tells them, and what it makes of what they tell. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import packageJson from '../../package.json' with { type: 'json' };
import type { FleetView } from '../admin/schemas.ts';
import type { LimpetOptions } from '../config/options.ts';
import type { EventPublisher } from '../events/bus.ts';
import type { FleetFigures } from '../metrics/fleet-families.ts';
import { FleetStore } from '../nodes/fleet-store.ts';
import { nodeId } from '../nodes/node-id.ts';
import { type ConfigDigest, type DrainCounts, mostNames, type PoolCounts } from '../nodes/node-report.ts';
import { type KnownNode, Nodes, type OwnReport } from '../nodes/nodes.ts';
import { type Numbers, serverName } from '../shared/slots.ts';
import type { SessionTable } from '../table/table.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { digestConfig } from './config-digest.ts';
import type { RequestRates } from './request-rates.ts';

export interface FleetNodesDependencies {
  readonly options: () => LimpetOptions;
  readonly numbers: () => Numbers;
  /** The secret of the fleet. */
  readonly secret: Buffer;
  readonly table: Pick<SessionTable, 'count'>;
  readonly rates: Pick<RequestRates, 'of'>;
  /** What is left on the servers that are drained, by `pool/server`. */
  readonly drainCounts: () => Promise<Readonly<Record<string, DrainCounts>>>;
  readonly runtime: string;
  readonly events: EventPublisher;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: { info(message: string): void; warn(message: string): void; error(message: string): void };
}

export class FleetNodes {
  private readonly deps: FleetNodesDependencies;
  private nodes: Nodes | null = null;
  private readonly startedAt: number;
  private digested: { readonly options: LimpetOptions; readonly digest: ConfigDigest } | null = null;

  constructor(deps: FleetNodesDependencies) {
    this.deps = deps;
    this.startedAt = Math.round(deps.clock.wall());
  }

  /** Resolves when the others know this node, or the store does not answer. Nothing happens without `fleet`. */
  async start(): Promise<void> {
    const { options, events, clock, timers, log } = this.deps;
    const { fleet, stateDir, clock: clockOptions } = options();
    if (fleet === null) return;
    const { store: address, timeout, lease, name } = fleet;
    const store = await FleetStore.connect({ address, timeout, now: () => clock.now(), timers });
    this.nodes = new Nodes({
      store,
      id: nodeId(stateDir, log),
      run: randomBytes(8).toString('hex'),
      name: name || nameOfHost(),
      lease,
      skew: clockOptions.skew,
      report: () => this.report(),
      digest: () => this.digest(),
      onBeat: () => Promise.resolve(),
      onChange: () => undefined,
      events,
      clock,
      timers,
      log,
    });
    await this.nodes.start();
  }

  async stop(): Promise<void> {
    await this.nodes?.stop();
  }

  /** Another config is in force: the others are told at once. */
  changed(): void {
    this.nodes?.wake();
  }

  /** What does not keep this node from serving, for its health. */
  get notes(): readonly string[] {
    const { nodes } = this;
    return nodes === null || nodes.isConnected ? [] : [`cut off from fleet.store: ${nodes.failure}`];
  }

  /** null: there is no `fleet` in the config. */
  view(): FleetView | null {
    const { nodes } = this;
    const { fleet } = this.deps.options();
    if (nodes === null || fleet === null) return null;
    return {
      connected: nodes.isConnected,
      reason: nodes.failure === '' ? null : nodes.failure,
      revision: nodes.revision,
      leaseMs: fleet.lease,
      nodes: nodes.all.map((node) => viewOf(node, nodes.revision)),
      pools: poolsOf(nodes.live),
    };
  }

  /** null: there is no `fleet` in the config. */
  get figures(): FleetFigures | null {
    const { nodes } = this;
    if (nodes === null) return null;
    const { live } = nodes;
    const own = live.find(({ isOwn }) => isOwn);
    return {
      nodes: live.length,
      isCutOff: !nodes.isConnected,
      differing: live.filter(({ differs }) => differs.length > 0).length,
      clockAheadSeconds: (own?.clockAhead ?? 0) / 1000,
      revisionBehind: own === undefined ? 0 : Math.max(0, nodes.revision - own.report.revision),
      pools: poolsOf(live),
    };
  }

  private async report(): Promise<OwnReport> {
    const { runtime, drainCounts } = this.deps;
    return {
      version: packageJson.version,
      runtime,
      started: this.startedAt,
      revision: 0,
      failure: '',
      pools: this.poolCounts(),
      draining: await drainCounts(),
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
      this.digested = { options, digest: digestConfig(options, this.deps.secret) };
    }
    return this.digested.digest;
  }
}

/** What of it may stand in a name of a node. */
function nameOfHost(): string {
  return (
    hostname()
      .replaceAll(/[^\w.-]/g, '-')
      .slice(0, 64) || 'node'
  );
}

function viewOf(
  { report, isOwn, isLive, age, clockAhead, differs }: KnownNode,
  revision: number,
): FleetView['nodes'][number] {
  const { id, name, version, runtime, started, config, failure } = report;
  return {
    id,
    name,
    self: isOwn,
    state: isLive ? 'live' : 'gone',
    version,
    runtime,
    startedAt: new Date(started).toISOString(),
    silentMs: Math.round(age),
    clockAheadMs: Math.round(clockAhead),
    configHash: config,
    differs: differs.slice(0, 50),
    pending: Math.max(0, revision - report.revision),
    failure: failure === '' ? null : failure,
  };
}

/**
 * A session that several nodes have served is in the table of each: the sum counts it more than once, and what the table with the most
 * of them has is the least that there can be.
 */
function poolsOf(live: readonly KnownNode[]): FleetView['pools'] {
  const names = new Set(live.flatMap(({ report }) => Object.keys(report.pools)));
  return [...names].map((name) => {
    const counts = live.flatMap(({ report }) => report.pools[name] ?? []);
    const rate = counts.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0);
    return {
      name,
      requestsPerSecond: Math.round(rate * 10) / 10,
      sessions: {
        atLeast: Math.max(0, ...counts.map(({ sessions }) => sessions)),
        atMost: counts.reduce((sum, { sessions }) => sum + sessions, 0),
      },
    };
  });
}
