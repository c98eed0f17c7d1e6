/**
 * A pool as an exchange sees it: where a session lives, who takes a new one, who waits (server/queue.ts), and which connections
 * can take another request (server/connections.ts).
 */
import { type Affinity, type Binder, isBinder } from '../affinity/affinity.ts';
import { balancerFaults } from '../errors.ts';
import type { Fleet, MembershipChange } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { counter } from '../metrics/counters.ts';
import type { Connecting } from '../net/socket.ts';
import { OwnerClaims } from '../ownership/owner-claims.ts';
import { type MissedMoves, OwnerLookup } from '../ownership/owner-lookup.ts';
import type { OwnerQueries } from '../ownership/owner-queries.ts';
import { Replicator, type ReplicatorDependencies, type ReplicatorSettings } from '../ownership/replicator.ts';
import type { Session, SessionView } from '../ownership/session.ts';
import { tagOf } from '../ownership/session-id.ts';
import { SessionRecord } from '../ownership/session-record.ts';
import { SharedOwners, type SharedOwnersDependencies, type SharedOwnersSettings } from '../ownership/shared-owners.ts';
import type { GateOwners } from '../ownership/store-gate.ts';
import type { SessionTable } from '../table/table.ts';
import { type DrainSettings, LongLivedSet } from './long-lived.ts';
import type { OwnerFailure, PlacementPool, ServerChoice } from './placement-pool.ts';
import type { ConnectionOwner } from './server/connection-owner.ts';
import { Connections, type PoolConnection } from './server/connections.ts';
import type { ConnectListener } from './server/connector.ts';
import type { PipeliningGuard } from './server/pipelining-guard.ts';
import type { PoolConnections } from './server/pool-connections.ts';
import { Queue, type Waiter } from './server/queue.ts';
import type { ServerConnection } from './server/server-connection.ts';
import type { WorkerContext } from './worker-context.ts';

export type WhenOwnerFails =
  | { readonly action: 'rebind' | 'temporary' }
  | { readonly action: 'reject'; readonly status: number };

/** Times are milliseconds. */
export interface PoolSettings {
  readonly name: string;
  /** Version of HTTP that the servers get. */
  readonly protocol: 'h1' | 'h2';
  /** null: plain connections. */
  readonly tls: object | null;
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
  readonly drain: DrainSettings;
  /** Servers are told of sessions that come from another server: `Limpet-Affinity`. */
  readonly notifyMoves: boolean;
  /** Tell clients who served them: `Limpet-Server: name; epoch=n`. */
  readonly identify: boolean;
}

/** What the pool is handed: decisions made elsewhere. */
export interface PoolParts extends ServerChoice {
  readonly fleet: Fleet;
  readonly affinities: readonly Affinity[];
  /** For each affinity, in their order, what holds instead of the pool's `whenOwnerFails`; null: nothing. */
  readonly whenOwnerFails: readonly (WhenOwnerFails | null)[];
  readonly table: SessionTable;
  /** Copies of sessions; null: the servers do not speak the session protocol. */
  readonly copies: (ReplicatorSettings & ReplicatorDependencies) | null;
  /** The owners of all sessions are in a store, for other balancers. null: there are none. */
  readonly sharedOwners: (SharedOwnersSettings & SharedOwnersDependencies & { readonly missed: MissedMoves }) | null;
  /** Where hashing puts a key among all servers of the pool, up or down. */
  readonly hashOwner: (key: number) => Server | undefined;
  readonly health: {
    connectFailed(server: Server): void;
    answered(server: Server, status: number): void;
  } | null;
  /** Called once for each server that has broken the framing of HTTP, with what it did. */
  readonly misframed: (server: Server, how: string) => void;
  /** Called when no encrypted connection could be made to a server, with the reason for a person. */
  readonly tlsFailed: (server: Server, how: string) => void;
  /** A server asks for its drain, or does not any more. */
  readonly drainAsked: (server: Server, asked: boolean) => void;
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

/** Makes a connection to a server, for a pool. */
export type ConnectTo = (owner: ConnectionOwner, server: Server, listener: ConnectListener) => Connecting;

export class Pool implements ConnectionOwner, PlacementPool {
  readonly settings: PoolSettings;
  readonly parts: PoolParts;
  /** The affinity that binds new sessions; null: none does. */
  readonly binder: Binder | null;
  readonly owners: OwnerLookup;
  readonly claims: OwnerClaims;
  /** null: the servers do not speak the session protocol. */
  readonly replicator: Replicator | null;
  /** The store knows the owners of sessions: those with copies, or with several balancers all. null: it knows none. */
  readonly ownersInStore: GateOwners | null;
  /** Records in the store which names apps give to sessions. null: there is no other balancer that has to know. */
  readonly recorder: OwnerQueries | null;
  /** The config has another pool in its place, or none: what has to find a server anew does so there. */
  replaced = false;
  readonly longLived: LongLivedSet;
  /** What becomes of a session that has nothing to lose. */
  readonly rebinding = ownerFailure({ action: 'rebind' });
  private readonly failure: OwnerFailure;
  /** Of affinities that have their own. */
  private readonly failures = new Map<Affinity, OwnerFailure>();
  private readonly worker: WorkerContext;
  private readonly connectTo: ConnectTo;
  private readonly connections: PoolConnections;
  /** Those of HTTP/1.1. */
  private readonly h1: Connections<ServerConnection & PoolConnection>;
  private readonly queue: Queue;

  /** `sharedConnections`: connections that requests share; null: those of HTTP/1.1. */
  constructor(
    worker: WorkerContext,
    settings: PoolSettings,
    parts: PoolParts,
    connectTo: ConnectTo,
    sharedConnections: PoolConnections | null = null,
  ) {
    const { copies, fleet, sharedOwners, table, random, announceRoom } = parts;
    this.worker = worker;
    this.settings = settings;
    this.parts = parts;
    this.longLived = new LongLivedSet(settings.drain);
    this.connectTo = connectTo;
    this.h1 = new Connections(worker, settings);
    this.connections = sharedConnections ?? this.h1;
    this.queue = new Queue({ max: settings.queue.max, fleet, random, announceRoom });
    this.binder = parts.affinities.find(isBinder) ?? null;
    this.replicator = copies === null ? null : new Replicator(copies, copies);
    const keepsCopies = this.replicator?.keepsCopies === true;
    const ownersInStore = keepsCopies ? this.replicator : sharedOwners && new SharedOwners(sharedOwners, sharedOwners);
    this.ownersInStore = ownersInStore;
    this.recorder = sharedOwners === null ? null : (ownersInStore?.queries ?? null);
    const record = new SessionRecord(table, fleet, { copies: keepsCopies, owners: sharedOwners !== null });
    const onEnded = ({ recognition }: SessionView, server: Server): void => {
      worker.events.ended(settings.name, tagOf(recognition), server.name, 'the app has ended it');
    };
    this.owners = new OwnerLookup(record, worker.counters, onEnded, sharedOwners?.missed);
    this.claims = new OwnerClaims(record, worker.counters);
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
    const former = this.claims.leave(session, now);
    if (former !== null) this.ownersInStore?.queries.giveBack(session, former);
  }

  claimRule({ storeState }: SessionView): 'claim' | 'keep' | 'refuse' {
    const { ownersInStore, recorder } = this;
    if (ownersInStore === null || recorder === null) return 'claim';
    return recorder.ruleFor(storeState === 'without-store', ownersInStore.settings.degrade);
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

  /** A place on the server has become free: the first that waits for this server, or for any, gets it. */
  offer(server: Server): void {
    // The places of a server that has left are those of its successor of the same name, at another address.
    const present = server.removed ? this.parts.fleet.at(server.slot) : server;
    if (present !== undefined) this.queue.offer(present);
  }

  /** There may be room for those that wait. */
  lookForRoom(): void {
    this.queue.lookForRoom();
  }

  /** Waits for a place on `server`; null: on any. False when the queue is full. */
  wait(waiter: Waiter, server: Server | null): boolean {
    return this.queue.wait(waiter, server);
  }

  stopWaiting(waiter: Waiter): void {
    this.queue.stopWaiting(waiter);
  }

  /** States have changed: whoever waits asks again. */
  wake(): void {
    this.queue.wake();
  }

  /** What it waits for is that connections to the server, or to some (null), have been made: more may not be begun. */
  isConnecting(server: Server | null): boolean {
    if (server !== null) return !server.connects.hasRoom;
    return this.parts.fleet.servers.some(({ connects }) => !connects.hasRoom);
  }

  /** An idle connection. `clientNumber`: number of the client, 0 when it may be several. */
  takeIdle(server: Server, clientNumber: number): ServerConnection | undefined {
    return this.connections.takeIdle(server, clientNumber);
  }

  /** For a request that may share a connection with others of this loop turn, where the pool pipelines. */
  takeGathering(server: Server, clientNumber: number): ServerConnection | undefined {
    return this.connections.takeGathering(server, clientNumber);
  }

  addIdle(connection: ServerConnection & PoolConnection): boolean {
    return this.h1.addIdle(connection);
  }

  removeIdle(connection: ServerConnection & PoolConnection): void {
    this.h1.removeIdle(connection);
  }

  pipeliningGuardOf(server: Server): PipeliningGuard {
    return this.h1.guardOf(server);
  }

  onMisframed({ server }: { readonly server: Server }, how: string): void {
    this.worker.counters.add(counter.upstream_misframed);
    if (server.setMisframed(true)) this.parts.misframed(server, how);
  }

  /** null: the server says nothing of that. It may say the same in each response: it is reported once a second at most. */
  onDrainAsked(server: Server, asked: boolean | null): void {
    if (asked === null || asked === server.report.asked) return;
    const { now } = this.worker.wheel;
    if (server.askedAt >= 0 && now - server.askedAt < 1000) return;
    server.askedAt = now;
    this.parts.drainAsked(server, asked);
  }

  onTlsFailed(server: Server, how: string): void {
    this.parts.tlsFailed(server, how);
  }

  /** Makes a connection to the server. */
  connect(server: Server, listener: ConnectListener): Connecting {
    return this.connectTo(this, server, listener);
  }

  /** Descriptors run short: what is kept for later goes. */
  makeRoom(): void {
    if (this.worker.descriptors.isTight) this.connections.closeAll();
  }

  /** To be called about once a second. */
  tick(now: number): void {
    const { fleet } = this.parts;
    fleet.tick(now);
    this.longLived.tick(fleet.servers, now);
  }

  /** No exchange begins here any more. Those under way finish. */
  retire(): void {
    this.connections.retire();
  }

  /**
   * The same, because the config has another pool in its place: those that wait go by the new config, and streams and tunnels are asked
   * to leave. `needsTicks` is called while some of these are left.
   */
  replace(needsTicks: () => void): void {
    this.retire();
    this.longLived.retire(needsTicks);
    this.replaced = true;
    this.wake();
  }

  /**
   * The pool has other servers from now on. Of those that leave, idle connections are closed, exchanges under way finish, and
   * those that wait for them ask again where to go. Nothing changes for the servers that stay, nor for those that wait for them.
   */
  applyMembership(change: MembershipChange, now: number): void {
    const { removed, added, changed } = change;
    this.parts.fleet.applyMembership(change, now);
    for (const server of removed) {
      this.connections.remove(server);
      this.longLived.left(server);
    }
    this.queue.wakeForRemoved();
    for (const server of added) this.queue.fill(server);
    for (const { server } of changed) this.queue.fill(server);
  }

  /** Names that have lost addresses: what is under way there goes on, and nothing begins on those connections. */
  moved(names: ReadonlySet<string>): void {
    for (const server of this.parts.fleet.servers) {
      if (server.address.kind === 'unix' || !names.has(server.address.host)) continue;
      server.moves++;
      this.connections.close(server);
    }
  }
}

function ownerFailure(when: WhenOwnerFails): OwnerFailure {
  const status = when.action === 'reject' ? when.status : balancerFaults.ownerDown.status;
  return { action: when.action, fault: { ...balancerFaults.ownerDown, status } };
}
