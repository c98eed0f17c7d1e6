/**
 * The servers of one pool, and immutable snapshots of who may serve. Servers join, leave and change their weight
 * (membership.ts); health checks, operators and slow start report on them. `Fleet` alone turns that into states and publishes a
 * new snapshot. Readers hold a snapshot for the length of one decision, so they never see a half-made change.
 */
import {
  type HealthReport,
  isDrained,
  isTakenDown,
  type NamedHealthReport,
  type ServerState,
  stateOf,
} from './health-report.ts';
import { Load } from './load.ts';
import type { Server } from './server.ts';

export interface Snapshot {
  /** Goes up by one with every published change. */
  readonly version: number;
  /** Goes up by one when servers join, leave, or get another configured weight or cap. */
  readonly membership: number;
  /** In the order of their slots. */
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

/** What turns the servers of a fleet into others (membership.ts). */
export interface MembershipChange {
  readonly removed: readonly Server[];
  readonly added: readonly Server[];
  readonly changed: readonly ChangedServer[];
}

/** A server that stays, and what holds for it from now on. */
export interface ChangedServer {
  readonly server: Server;
  readonly weight: number;
  readonly maxRequests: number;
}

/** Share of its weight that a server gets the moment it returns; it grows linearly to 1. */
const slowStartFloor = 0.1;

export class Fleet {
  private readonly byId = new Map<number, Server>();
  private readonly bySlot = new Map<number, Server>();
  private readonly byIdentity = new Map<string, Server>();
  private readonly byName = new Map<string, Server>();
  /** Servers that were down when a panic ended, and have neither come up nor failed a connection since: see `isUsable`. */
  private readonly doubtful = new Set<Server>();
  private readonly options: FleetOptions;
  readonly load: Load;
  /** The pool's own slot of the load: what runs at all its servers, and what waits for them. */
  readonly slot: number;
  /** The current snapshot: read it once per decision. */
  snapshot: Snapshot;
  /** Called after each published change of a server's state. */
  onChange: (server: Server, from: ServerState, to: ServerState) => void = () => {};

  constructor(servers: readonly Server[], options: FleetOptions, load: Load = Load.single(), slot = 0) {
    this.options = options;
    this.load = load;
    this.slot = slot;
    for (const server of servers) this.index(server);
    this.snapshot = this.take(sorted(servers), 0, 0, 0);
  }

  /** In the order of their slots. */
  get servers(): readonly Server[] {
    return this.snapshot.all;
  }

  /** The server that a token names, whatever its state; undefined when this pool has none of that id. */
  find(id: number): Server | undefined {
    return this.byId.get(id);
  }

  /** Those of these servers, of another config, that this one has too: by name and address. */
  same(servers: readonly Server[]): Server[] {
    return servers.flatMap(({ identity }) => this.named(identity) ?? []);
  }

  /** The server that the session table names; undefined when the pool does not have it any more. */
  at(slot: number): Server | undefined {
    return this.bySlot.get(slot);
  }

  /**
   * Whether a request may go to the server for a session that it owns. A server that looks down is usable in a panic, and after
   * it until a connection to it has failed. When all servers were out of reach, they come back one after the other: sessions of
   * those that come last must not move to those that come first.
   */
  isUsable(server: Server): boolean {
    if (server.removed || isTakenDown(server.report)) return false;
    return server.state !== 'down' || this.snapshot.panic || (this.doubtful.size > 0 && this.doubtful.has(server));
  }

  /** A connection to it has failed: it is down, as was reported. */
  confirmDown(server: Server): void {
    this.doubtful.delete(server);
  }

  /** The server that another thread names; undefined when this config has it no more, or not yet. */
  named(identity: string): Server | undefined {
    return this.byIdentity.get(identity);
  }

  /** The server that people call so; undefined: there is none. */
  called(name: string): Server | undefined {
    return this.byName.get(name);
  }

  /** Exchanges in flight to all servers. */
  get inflight(): number {
    return this.load.running(this.slot);
  }

  /** The health of all servers for a fleet on another thread: a copy, because reports change here while the message travels. */
  get namedReports(): NamedHealthReport[] {
    return this.servers.map(({ identity, report }) => ({ ...report, server: identity }));
  }

  /** Takes over the reports of another fleet on the servers that both have. All are one change: one snapshot. */
  apply(reports: readonly NamedHealthReport[], now: number): void {
    const changed: { server: Server; from: ServerState }[] = [];
    for (const { server: identity, ...report } of reports) {
      const server = this.byIdentity.get(identity);
      if (server === undefined) continue;
      Object.assign(server.report, report);
      const to = stateOf(report);
      if (to !== server.state) changed.push({ server, from: server.state });
      server.state = to;
    }
    this.publish(now);
    for (const { server, from } of changed) this.onChange(server, from, server.state);
  }

  /**
   * Servers leave, join, and get other weights and caps, as one change: one snapshot. Nothing that is known of the other servers
   * changes. The state of one that joins follows from its own report.
   */
  applyMembership({ removed, added, changed }: MembershipChange, now: number): void {
    for (const server of removed) this.forget(server);
    for (const server of added) this.index(server);
    for (const { server, weight, maxRequests } of changed) {
      this.demandMember(server);
      server.weight = weight;
      server.maxRequests = maxRequests;
    }
    this.publish(now, this.snapshot.membership + 1, sorted([...this.bySlot.values()]));
  }

  /** An active check's verdict (health/active.ts). */
  setActive(server: Server, up: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.active = up;
      if (!up) report.asked = false;
    });
  }

  /** Ejected by what traffic saw, or let back in (health/passive.ts). */
  setPassive(server: Server, up: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.passive = up;
      if (!up) report.asked = false;
    });
  }

  /** Set by an operator: a drained server keeps its sessions and gets no new ones. */
  setDrained(server: Server, drained: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.drained = drained;
    });
  }

  /** Set by an operator: the same, and a server in maintenance gets nothing at all. */
  setOperated(server: Server, drained: boolean, maintenance: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.drained = drained;
      report.maintenance = maintenance;
    });
  }

  /** The server itself asks for its drain, or does not any more. */
  setAsked(server: Server, asked: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.asked = asked;
    });
  }

  /** Another node of the fleet does not have it, or all have it again. */
  setUnshared(server: Server, unshared: boolean, now: number): void {
    this.change(server, now, (report) => {
      report.unshared = unshared;
    });
  }

  /** Its agent has said something. */
  setAgent(server: Server, { agent, share, cap }: Pick<HealthReport, 'agent' | 'share' | 'cap'>, now: number): void {
    const { report } = server;
    const isWeighed = share !== report.share || cap !== report.cap;
    this.change(server, now, (changed) => {
      Object.assign(changed, { agent, share, cap });
    });
    if (isWeighed) this.publish(now);
  }

  /** Re-weighs servers that start slowly. Call about once a second; publishes only while one of them does. */
  tick(now: number): void {
    let slow = false;
    for (const { report } of this.servers) {
      if (report.since === null) continue;
      slow = true;
      if (now - report.since >= this.options.slowStart) report.since = null;
    }
    if (slow) this.publish(now);
  }

  private change(server: Server, now: number, edit: (report: HealthReport) => void): void {
    this.demandMember(server);
    const { report, state: from } = server;
    const [wasDrained, wasTakenDown] = [isDrained(report), isTakenDown(report)];
    edit(report);
    const to = stateOf(report);
    if (to === from) {
      // What an operator says of a server that is down shows only in panic.
      if (isDrained(report) !== wasDrained || isTakenDown(report) !== wasTakenDown) this.publish(now);
      return;
    }
    if (from === 'down' && this.options.slowStart > 0) report.since = now;
    if (to === 'down') report.since = null;
    server.state = to;
    this.publish(now);
    this.onChange(server, from, to);
  }

  private index(server: Server): void {
    if (this.bySlot.has(server.slot)) throw new Error(`two servers have slot ${server.slot}`);
    this.bySlot.set(server.slot, server);
    this.byIdentity.set(server.identity, server);
    this.byName.set(server.name, server);
    for (const id of server.allIds) this.byId.set(id, server);
    server.state = stateOf(server.report);
  }

  private forget(server: Server): void {
    this.demandMember(server);
    server.removed = true;
    // No other connection is made to it.
    server.connects.max = 0;
    this.bySlot.delete(server.slot);
    this.byIdentity.delete(server.identity);
    this.byName.delete(server.name);
    for (const id of server.allIds) this.byId.delete(id);
    this.doubtful.delete(server);
  }

  private demandMember(server: Server): void {
    if (this.bySlot.get(server.slot) !== server) throw new Error(`server ${server.name} is not of this pool`);
  }

  private publish(now: number, membership = this.snapshot.membership, all = this.snapshot.all): void {
    const wasPanic = this.snapshot.panic;
    this.snapshot = this.take(all, membership, this.snapshot.version + 1, now);
    const { panic } = this.snapshot;
    for (const server of all) {
      if (server.state !== 'down' || panic) this.doubtful.delete(server);
      else if (wasPanic) this.doubtful.add(server);
    }
  }

  private take(all: readonly Server[], membership: number, version: number, now: number): Snapshot {
    const wanted = all.filter(({ report }) => !isDrained(report));
    const healthy = wanted.filter((server) => server.state === 'up');
    const panic = healthy.length < wanted.length * this.options.panicThreshold;
    const candidates = panic ? wanted : healthy;
    const up = candidates.filter(({ weight, report }) => weight > 0 && report.share > 0);
    const weights = Float64Array.from(up, (server) => this.weigh(server, now));
    const totalWeight = weights.reduce((sum, weight) => sum + weight, 0);
    return { version, membership, all, up, weights, totalWeight, panic };
  }

  private weigh({ weight: configured, report }: Server, now: number): number {
    const weight = configured * report.share;
    if (report.since === null) return weight;
    const share = (now - report.since) / this.options.slowStart;
    return weight * Math.min(1, Math.max(slowStartFloor, share));
  }
}

function sorted(servers: readonly Server[]): Server[] {
  return servers.toSorted((a, b) => a.slot - b.slot);
}
