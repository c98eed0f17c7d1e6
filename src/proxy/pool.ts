/** A pool as an exchange sees it: where a session lives, who takes a new one, who waits, and which connections are idle. */
import { type Affinity, type Binder, isBinder } from '../affinity/affinity.ts';
import { balancerFaults, type Fault } from '../errors.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { counter } from '../metrics/counters.ts';
import type { Connecting } from '../net/socket.ts';
import { OwnerLookup } from '../ownership/owner-lookup.ts';
import { Replicator, type ReplicatorDependencies, type ReplicatorSettings } from '../ownership/replicator.ts';
import type { Session, SessionView } from '../ownership/session.ts';
import type { SessionTable } from '../table/table.ts';
import type { ServerConnection } from './server/connection.ts';
import { type ConnectListener, Connector } from './server/connector.ts';
import { IdleConnections, quarantineMs } from './server/idle-connections.ts';
import { PipeliningGuard } from './server/pipelining-guard.ts';
import type { PoolContext } from './server/pool-context.ts';
import type { WorkerContext } from './worker-context.ts';

export type WhenOwnerFails =
  | { readonly action: 'rebind' | 'temporary' }
  | { readonly action: 'reject'; readonly status: number };

/** Times are milliseconds. */
export interface PoolSettings {
  readonly name: string;
  readonly whenOwnerFails: WhenOwnerFails;
  readonly whenOwnerFull: 'queue' | 'rebind' | 'reject';
  readonly queue: { readonly max: number; readonly timeout: number };
  readonly retry: { readonly attempts: number; readonly bufferBody: number; readonly deadline: number };
  readonly timeouts: {
    readonly connect: number;
    readonly response: number;
    readonly responseBody: number;
    readonly keepAlive: number;
    readonly tunnel: number;
  };
  /** Idle connections kept to each server. */
  readonly maxIdle: number;
  /** Most requests at a time on one connection; 1: each waits for the answer to the one before. */
  readonly pipelining: number;
  /** `interim`: responses of 1xx to one request in a second. */
  readonly limits: { readonly interim: number };
  /** Tell clients who served them: `Limpet-Server: name; epoch=n`. */
  readonly identify: boolean;
}

/** What the pool is handed: decisions made elsewhere. */
export interface PoolParts {
  readonly fleet: Fleet;
  readonly affinities: readonly Affinity[];
  /** For each affinity, in their order, what holds instead of the pool's `whenOwnerFails`; null: nothing. */
  readonly whenOwnerFails: readonly (WhenOwnerFails | null)[];
  readonly table: SessionTable;
  /** Copies of sessions; null: the servers do not speak the session protocol. */
  readonly copies: (ReplicatorSettings & ReplicatorDependencies) | null;
  /** A session should leave its owner now, if it can, for another one than these; null: it may stay. */
  readonly shouldRebalance: (owner: Server) => readonly Server[] | null;
  /** A server with room for a session that is nobody's (balance/chooser.ts). */
  readonly choose: (key: number, excluded: readonly Server[] | null) => Server | undefined;
  /** Some server that is not excluded lacks nothing but room. */
  readonly lacksRoom: (excluded: readonly Server[] | null) => boolean;
  /** Where hashing puts a key among all servers of the pool, up or down. */
  readonly hashOwner: (key: number) => Server | undefined;
  /** A server with room for a key that is nobody's: where hashing puts it. */
  readonly chooseForKey: (key: number, excluded: readonly Server[] | null) => Server | undefined;
  /** Serves in place of an owner that cannot: where hashing puts the key among the servers that are up. */
  readonly chooseSubstitute: (key: number, excluded: readonly Server[] | null) => Server | undefined;
  readonly health: {
    connectFailed(server: Server): void;
    answered(server: Server, status: number): void;
  } | null;
  /** Told of each server once: it has broken the framing of HTTP, and how. */
  readonly misframed: (server: Server, how: string) => void;
  /** There is room at a server, and exchanges of other workers wait for it. */
  readonly announceRoom: () => void;
  /** Whether this worker's view of the servers is current. With a stale one it may take a server for lost that is up again. */
  readonly configVersion: {
    readonly isStale: boolean;
    /** Calls `onCurrent` when the view is current; never before this call has returned. */
    whenCurrent(waiter: { onCurrent(): void }): void;
    forget(waiter: { onCurrent(): void }): void;
  };
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What becomes of a session whose owner failed. */
interface OwnerFailure {
  readonly action: WhenOwnerFails['action'];
  /** What the client gets when the action is `reject`. */
  readonly fault: Fault;
}

/** Waits for a place on a server. */
export interface Waiter {
  /** There is one, or states have changed. */
  onRoom(): void;
}

export class Pool {
  readonly settings: PoolSettings;
  readonly parts: PoolParts;
  /** The affinity that binds new sessions; null: none does. */
  readonly binder: Binder | null;
  readonly owners: OwnerLookup;
  readonly copies: Replicator | null;
  /** The config has another pool in its place, or none: what has to find a server anew does so there. */
  replaced = false;
  /** What becomes of a session that has nothing to lose. */
  readonly rebinding = ownerFailure({ action: 'rebind' });
  private readonly failure: OwnerFailure;
  /** Of affinities that have their own. */
  private readonly failures = new Map<Affinity, OwnerFailure>();
  private readonly context: PoolContext;
  private readonly worker: WorkerContext;
  /** No exchange begins here any more. */
  private retired = false;
  private readonly idle = new Map<Server, IdleConnections>();
  private readonly guards = new Map<Server, PipeliningGuard>();
  /** Exchanges that wait for room, in order; `server` null: any. */
  private readonly waiting: { waiter: Waiter; server: Server | null }[] = [];

  constructor(context: PoolContext, settings: PoolSettings, parts: PoolParts) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.settings = settings;
    this.parts = parts;
    this.binder = parts.affinities.find(isBinder) ?? null;
    this.copies = parts.copies === null ? null : new Replicator(parts.copies, parts.copies);
    this.owners = new OwnerLookup(parts.table, parts.fleet, worker.counters, this.copies?.kept);
    this.failure = ownerFailure(settings.whenOwnerFails);
    for (const [i, own] of parts.whenOwnerFails.entries()) {
      if (own !== null) this.failures.set(parts.affinities[i]!, ownerFailure(own));
    }
  }

  ownerFailure({ recognition: { affinity } }: SessionView): OwnerFailure {
    return (affinity !== null && this.failures.get(affinity)) || this.failure;
  }

  /** The owner of a recognised session, usable or not; undefined: it is gone. null: the session is nobody's, see `OwnerLookup`. */
  locate(session: Session, now: number): Server | undefined | null {
    const { kind, key } = session.recognition;
    return kind === 'hash' ? this.parts.hashOwner(key) : this.owners.find(session, now);
  }

  /** A session that is nobody's gets another id, if an affinity gives ids. */
  rename(session: Session, now: number): void {
    if (this.binder !== null) session.rename(this.binder, now);
  }

  isUsable(server: Server): boolean {
    return this.parts.fleet.isUsable(server);
  }

  /** An exchange of the session is over: one whose new owner took no request is its former owner's again. */
  leave(session: Session, now: number): void {
    const former = this.owners.leave(session, now);
    if (former !== null) this.copies?.giveBack(session, former);
  }

  /** A place on the server; false when another worker took the last one. */
  take(server: Server): boolean {
    if (!server.enter()) return false;
    const { load, slot } = this.parts.fleet;
    load.run(slot, 1);
    return true;
  }

  /** The exchange's place is free again; `offer` it next. */
  free(server: Server): void {
    const { load, slot } = this.parts.fleet;
    server.leave();
    load.run(slot, -1);
  }

  /** A place has become free: the first that waits for this server, or for any, gets it. */
  offer(server: Server): void {
    const { load, slot } = this.parts.fleet;
    const waiting = load.waiting(slot);
    if (waiting === 0) return;
    // Each worker is offered as many of the places as its share of those who wait.
    if (this.waiting.length > this.parts.random() * waiting) this.fill(server);
    else this.parts.announceRoom();
  }

  /** One that is offered the place may go elsewhere, or wait again: then it is the next one's. */
  private fill(server: Server): void {
    for (let offers = this.waiting.length; offers > 0 && server.hasRoom; offers--) {
      const i = this.waiting.findIndex((entry) => entry.server === null || entry.server === server);
      if (i < 0) return;
      this.unwait(i).onRoom();
    }
  }

  /** Another worker has told of room; or nobody has, and it is time to look: a word may have crossed with our waiting. */
  lookForRoom(): void {
    if (this.waiting.length === 0) return;
    for (const server of this.parts.fleet.servers) if (server.hasRoom) this.fill(server);
  }

  /** False when the queue is full. */
  wait(waiter: Waiter, server: Server | null): boolean {
    const { load, slot } = this.parts.fleet;
    if (load.waiting(slot) >= this.settings.queue.max) return false;
    this.waiting.push({ waiter, server });
    load.wait(slot, 1);
    return true;
  }

  /** What it waits for is that connections to the server, or to some (null), have been made: more may not be begun. */
  isConnecting(server: Server | null): boolean {
    if (server !== null) return !server.connects.hasRoom;
    return this.parts.fleet.servers.some(({ connects }) => !connects.hasRoom);
  }

  stopWaiting(waiter: Waiter): void {
    const i = this.waiting.findIndex((entry) => entry.waiter === waiter);
    if (i >= 0) this.unwait(i);
  }

  /** States have changed: whoever waits asks again. */
  wake(): void {
    for (let left = this.waiting.length; left > 0; left--) this.unwait(0).onRoom();
  }

  private unwait(i: number): Waiter {
    const [entry] = this.waiting.splice(i, 1);
    const { load, slot } = this.parts.fleet;
    load.wait(slot, -1);
    return entry!.waiter;
  }

  /** `clientNumber`: number of the client, 0 when it may be several. */
  takeIdle(server: Server, clientNumber: number): ServerConnection | undefined {
    const idle = this.idleOf(server);
    const upstream = idle.take(clientNumber);
    server.idle = idle.ready;
    if (upstream !== undefined) this.worker.wheel.set(upstream.deadline, 0);
    return upstream;
  }

  pipeliningGuardOf(server: Server): PipeliningGuard {
    let guard = this.guards.get(server);
    if (guard === undefined) {
      guard = new PipeliningGuard();
      this.guards.set(server, guard);
    }
    return guard;
  }

  private idleOf(server: Server): IdleConnections {
    let idle = this.idle.get(server);
    if (idle === undefined) {
      idle = new IdleConnections(this.settings.maxIdle);
      this.idle.set(server, idle);
    }
    return idle;
  }

  /** For a request that may share a connection with others of this loop turn, where the pool pipelines. */
  takeGathering(server: Server, clientNumber: number): ServerConnection | undefined {
    const guard = this.pipeliningGuardOf(server);
    if (this.settings.pipelining === 1 || server.misframed || !guard.allows())
      return this.takeIdle(server, clientNumber);
    const open = guard.gathering;
    if (open?.isGathering && open.depth < this.settings.pipelining) return open;
    const upstream = this.takeIdle(server, clientNumber);
    // A connection in quarantine is for one client alone.
    guard.gathering = upstream?.quarantined ? undefined : upstream;
    return upstream;
  }

  /** Keeps the connection for the next exchange, after its quarantine if it needs one. False: there are enough. */
  addIdle(upstream: ServerConnection): boolean {
    const { server } = upstream;
    const idle = this.idleOf(server);
    if (this.retired || this.worker.descriptors.isTight || upstream.moves !== server.moves) return false;
    if (!idle.add(upstream)) return false;
    server.idle = idle.ready;
    if (upstream.quarantined) upstream.quarantinedUntil = this.worker.clock.monotonic() + quarantineMs;
    this.worker.wheel.set(upstream.deadline, upstream.quarantined ? quarantineMs : this.settings.timeouts.keepAlive);
    return true;
  }

  removeIdle(upstream: ServerConnection): void {
    const { server } = upstream;
    const idle = this.idleOf(server);
    idle.remove(upstream);
    server.idle = idle.ready;
  }

  /** A server has sent what HTTP does not allow, so that the beginning of its next response is not certain. */
  onMisframed({ server }: ServerConnection, how: string): void {
    this.worker.counters.add(counter.upstream_misframed);
    if (server.setMisframed(true)) this.parts.misframed(server, how);
  }

  connect(server: Server, dialler: ConnectListener): Connecting {
    return new Connector(this.context, this, server, dialler);
  }

  /** Descriptors run short: what is kept for later goes. */
  makeRoom(): void {
    if (this.worker.descriptors.isTight) this.closeIdle();
  }

  /** No exchange begins here any more. Those under way finish. */
  retire(): void {
    this.retired = true;
    this.closeIdle();
  }

  /** The same, because the config has another pool in its place: those that wait go by the new config. */
  replace(): void {
    this.retire();
    this.replaced = true;
    this.wake();
  }

  /** Names that have lost addresses: what is under way there goes on, and nothing begins on those connections. */
  moved(names: ReadonlySet<string>): void {
    for (const server of this.parts.fleet.servers) {
      if (server.address.kind === 'unix' || !names.has(server.address.host)) continue;
      server.moves++;
      this.closeIdleOf(server);
    }
  }

  closeIdle(): void {
    for (const server of this.parts.fleet.servers) this.closeIdleOf(server);
  }

  private closeIdleOf(server: Server): void {
    server.idle = 0;
    for (const upstream of this.idleOf(server).removeAll()) upstream.close();
  }
}

function ownerFailure(when: WhenOwnerFails): OwnerFailure {
  const status = when.action === 'reject' ? when.status : balancerFaults.ownerDown.status;
  return { action: when.action, fault: { ...balancerFaults.ownerDown, status } };
}
