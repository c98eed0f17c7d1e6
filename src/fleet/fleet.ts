/**
 * The servers of one pool, and immutable snapshots of who may serve. Health, operators and slow start say
 * what they saw; `Fleet` alone turns that into states and publishes a new snapshot. Readers hold a snapshot
 * for the length of one decision, so they never see a half-made change.
 */
import { Load } from './load.ts';
import type { Server, ServerState } from './server.ts';

export interface Snapshot {
  /** Goes up by one with every published change. */
  readonly version: number;
  readonly all: readonly Server[];
  /** Those that take new sessions, with weight above 0. In panic: every one that is not draining. */
  readonly up: readonly Server[];
  /** Effective weights of `up`, same order: the configured weight, less while a server starts slowly. */
  readonly weights: Float64Array;
  readonly totalWeight: number;
  /** Most servers look down, so nobody is believed to be. */
  readonly panic: boolean;
}

export interface FleetOptions {
  /** Panic when fewer than this share of the servers that are not drained are up; 0 never panics. Default 0.5. */
  readonly panicThreshold: number;
  /** A server that came back takes its full weight only after this long (ms); 0 at once. Not at process start. */
  readonly slowStart: number;
}

/** The health of one server, as active checks, traffic and operators report it. Plain data. */
export interface HealthReport {
  active: boolean;
  passive: boolean;
  drained: boolean;
  /** When the server last came back (ms), null when it never left or has its full weight. */
  since: number | null;
}

/** The same with the server's identity, for fleets on other threads, which may have another config. */
export interface NamedHealthReport extends HealthReport {
  /** `Server.identity`. */
  readonly server: string;
}

/** Share of its weight that a server gets the moment it returns; it grows linearly to 1. */
const slowStartFloor = 0.1;

export class Fleet {
  readonly servers: readonly Server[];
  /** In the order of `servers`. */
  readonly reports: readonly HealthReport[];
  private readonly byId = new Map<number, Server>();
  private readonly bySlot = new Map<number, Server>();
  /** Down when a panic ended, and neither seen well since nor tried in vain: see `isUsable`. */
  private readonly doubtful = new Set<Server>();
  private readonly byIdentity = new Map<string, Server>();
  private readonly options: FleetOptions;
  readonly load: Load;
  /** The pool's own slot of the load: what runs at all its servers, and what waits for them. */
  readonly slot: number;
  /** The current snapshot: read it once per decision. */
  snapshot: Snapshot;
  /** Told after each published change of a server's state. */
  onChange: (server: Server, from: ServerState, to: ServerState) => void = () => {};

  constructor(servers: readonly Server[], options: FleetOptions, load: Load = Load.alone(), slot = 0) {
    this.servers = servers;
    this.options = options;
    this.load = load;
    this.slot = slot;
    this.reports = servers.map(() => newHealthReport());
    for (const server of servers) {
      this.byId.set(server.id, server);
      this.bySlot.set(server.slot, server);
      this.byIdentity.set(server.identity, server);
    }
    this.snapshot = this.take(0, 0);
  }

  /** The server that a token names, whatever its state; undefined when this pool has none of that id. */
  find(id: number): Server | undefined {
    return this.byId.get(id);
  }

  /** Those of these servers, of another config, that this one has too: by name and address. */
  same(servers: readonly Server[]): Server[] {
    return servers.flatMap(({ identity }) => this.named(identity) ?? []);
  }

  /** The server that the session table names; undefined when it is of this pool no more. */
  at(slot: number): Server | undefined {
    return this.bySlot.get(slot);
  }

  /**
   * The server may be asked for what it holds. One that is down may be in a panic; and after it, until it has been tried: when
   * all servers were out of reach, they come back one after the other, and those that are seen last must not lose their
   * sessions to those that are seen first.
   */
  isUsable(server: Server): boolean {
    return server.state !== 'down' || this.snapshot.panic || (this.doubtful.size > 0 && this.doubtful.has(server));
  }

  /** It was tried, and no connection came about: it is down, as was said. */
  confirmDown(server: Server): void {
    this.doubtful.delete(server);
  }

  /** The server that another thread names; undefined when this config has it no more, or not yet. */
  named(identity: string): Server | undefined {
    return this.byIdentity.get(identity);
  }

  /** Exchanges in flight to all servers. */
  get inflight(): number {
    return this.load.running(this.slot);
  }

  /** The health of all servers for a fleet on another thread: a copy, because reports change here while the message travels. */
  get namedReports(): NamedHealthReport[] {
    return this.servers.map(({ identity }, number) => ({ ...this.reports[number]!, server: identity }));
  }

  /** Takes over the reports of another fleet on the servers that both have. All are one change: one snapshot. */
  apply(reports: readonly NamedHealthReport[], now: number): void {
    const changed: { server: Server; from: ServerState }[] = [];
    for (const { server: identity, ...report } of reports) {
      const server = this.byIdentity.get(identity);
      if (server === undefined) continue;
      Object.assign(this.reports[server.number]!, report);
      const to = stateOf(report);
      if (to !== server.state) changed.push({ server, from: server.state });
      server.state = to;
    }
    this.publish(now);
    for (const { server, from } of changed) this.onChange(server, from, server.state);
  }

  /** Another id by which older tokens name a server: ids are keyed, and keys rotate. */
  alias(id: number, server: Server): void {
    this.byId.set(id, server);
  }

  /** An active check's verdict (health/active.ts). */
  setActive(server: Server, up: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.active = up;
    });
  }

  /** Ejected by what traffic saw, or let back in (health/passive.ts). */
  setPassive(server: Server, up: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.passive = up;
    });
  }

  /** An operator's word: keep its sessions, give it no new ones. */
  setDrained(server: Server, drained: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.drained = drained;
    });
  }

  /** Re-weighs servers that start slowly. Call about once a second; publishes only while one of them does. */
  tick(now: number): void {
    let slow = false;
    for (const report of this.reports) {
      if (report.since === null) continue;
      slow = true;
      if (now - report.since >= this.options.slowStart) report.since = null;
    }
    if (slow) this.publish(now);
  }

  private change(server: Server, now: number, edit: (report: HealthReport) => void): void {
    const report = this.reports[server.number];
    if (report === undefined || this.servers[server.number] !== server) {
      throw new Error(`server ${server.name} is not of this pool`);
    }
    const from = server.state;
    const wasDrained = report.drained;
    edit(report);
    const to = stateOf(report);
    if (to === from) {
      // The drain of a server that is down shows only in panic.
      if (report.drained !== wasDrained) this.publish(now);
      return;
    }
    if (from === 'down' && this.options.slowStart > 0) report.since = now;
    if (to === 'down') report.since = null;
    server.state = to;
    this.publish(now);
    this.onChange(server, from, to);
  }

  private publish(now: number): void {
    const wasPanic = this.snapshot.panic;
    this.snapshot = this.take(this.snapshot.version + 1, now);
    const { panic } = this.snapshot;
    for (const server of this.servers) {
      if (server.state !== 'down' || panic) this.doubtful.delete(server);
      else if (wasPanic) this.doubtful.add(server);
    }
  }

  private take(version: number, now: number): Snapshot {
    const wanted = this.servers.filter((_, number) => this.reports[number]?.drained !== true);
    const healthy = wanted.filter((server) => server.state === 'up');
    const panic = healthy.length < wanted.length * this.options.panicThreshold;
    const candidates = panic ? wanted : healthy;
    const up = candidates.filter((server) => server.weight > 0);
    const weights = Float64Array.from(up, (server) => this.weigh(server, now));
    return {
      version,
      all: this.servers,
      up,
      weights,
      totalWeight: weights.reduce((sum, weight) => sum + weight, 0),
      panic,
    };
  }

  private weigh(server: Server, now: number): number {
    const report = this.reports[server.number];
    if (report === undefined || report.since === null) return server.weight;
    const share = (now - report.since) / this.options.slowStart;
    return server.weight * Math.min(1, Math.max(slowStartFloor, share));
  }
}

/** Of a server on which nobody has reported. */
export function newHealthReport(): HealthReport {
  return { active: true, passive: true, drained: false, since: null };
}

function stateOf({ active, passive, drained }: HealthReport): ServerState {
  if (!active || !passive) return 'down';
  return drained ? 'draining' : 'up';
}
