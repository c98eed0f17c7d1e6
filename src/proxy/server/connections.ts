/**
 * The connections from one worker to the servers of one pool, as far as they can take another request: those on which nothing is
 * under way (idle-connections.ts), and for each server the one that gathers the requests of this loop turn, where the pool
 * pipelines (pipelining-guard.ts).
 *
 *      take ──> serves a request ── addIdle ──> idle ── take ──> ...
 *                     │                       └── closed: time-out, the server's end, shortage of descriptors, server removed
 *                     └── not kept: it closes itself
 */
import type { Server } from '../../fleet/server.ts';
import type { Deadline } from '../../time/wheel.ts';
import type { WorkerContext } from '../worker-context.ts';
import { type IdleConnection, IdleConnections, quarantineMs } from './idle-connections.ts';
import type { IdleHolder } from './idle-registry.ts';
import { PipeliningGuard } from './pipelining-guard.ts';

/** What is looked at of a connection. */
export interface PoolConnection extends IdleConnection {
  readonly server: Server;
  /** `Server.moves` when it was made. */
  readonly moves: number;
  readonly deadline: Deadline;
  /** Milliseconds, monotonic: the end of its quarantine. */
  quarantinedUntil: number;
  /** Requests that are not written yet wait on it for the end of this loop turn, and more may be added. */
  readonly isGathering: boolean;
  /** Requests under way on it. */
  readonly depth: number;
  close(): void;
}

/** Times are milliseconds. */
export interface ConnectionSettings {
  /** Idle connections kept to each server. */
  readonly maxIdle: number;
  /** Most requests at a time on one connection; 1: each waits for the answer to the one before. */
  readonly pipelining: number;
  readonly timeouts: { readonly keepAlive: number };
}

/** Of one server. */
interface ServerConnections<Connection> {
  readonly server: Server;
  readonly idle: IdleConnections<Connection & IdleConnection>;
  readonly guard: PipeliningGuard;
  gathering: Connection | undefined;
}

export class Connections<Connection extends PoolConnection> implements IdleHolder {
  private readonly worker: Pick<WorkerContext, 'wheel' | 'clock' | 'descriptors' | 'idle'>;
  private readonly settings: ConnectionSettings;
  /** By slot. An array, because a request looks here three times, and a map costs it 50 ns. */
  private readonly servers: (ServerConnections<Connection> | undefined)[] = [];
  /** None is kept any more. */
  private retired = false;
  /** It is in the worker's registry: from the first idle connection on, so that a pool that is never used leaves nothing there. */
  private isRegistered = false;

  constructor(worker: Pick<WorkerContext, 'wheel' | 'clock' | 'descriptors' | 'idle'>, settings: ConnectionSettings) {
    this.worker = worker;
    this.settings = settings;
  }

  /** An idle connection for the client of this number; 0: it may be several clients. undefined: there is none. */
  takeIdle(server: Server, client: number): Connection | undefined {
    return this.takeIdleOf(this.of(server), server, client);
  }

  /** The same for a request that may share a connection with others of this loop turn. */
  takeGathering(server: Server, client: number): Connection | undefined {
    const of = this.of(server);
    const { pipelining } = this.settings;
    if (pipelining === 1 || server.misframed || !of.guard.allows()) return this.takeIdleOf(of, server, client);
    const open = of.gathering;
    if (open?.isGathering && open.depth < pipelining) return open;
    const connection = this.takeIdleOf(of, server, client);
    // A connection in quarantine is for one client alone.
    of.gathering = connection?.quarantined ? undefined : connection;
    return connection;
  }

  private takeIdleOf({ idle }: ServerConnections<Connection>, server: Server, client: number): Connection | undefined {
    const connection = idle.take(client);
    server.idle = idle.ready;
    if (connection !== undefined) this.worker.wheel.set(connection.deadline, 0);
    return connection;
  }

  /** Keeps the connection for the next request, after its quarantine if it needs one. False: it may not be used again. */
  addIdle(connection: Connection): boolean {
    const { server, quarantined } = connection;
    const { wheel, clock, descriptors } = this.worker;
    if (this.retired || server.removed || descriptors.isTight || connection.moves !== server.moves) return false;
    const { idle } = this.of(server);
    if (!idle.add(connection)) return false;
    if (!this.isRegistered) this.register();
    server.idle = idle.ready;
    if (quarantined) connection.quarantinedUntil = clock.monotonic() + quarantineMs;
    wheel.set(connection.deadline, quarantined ? quarantineMs : this.settings.timeouts.keepAlive);
    return true;
  }

  /** It is not idle any more: it has ended, or may not be used again. */
  removeIdle(connection: Connection): void {
    const { server } = connection;
    const { idle } = this.of(server);
    idle.remove(connection);
    server.idle = idle.ready;
  }

  guardOf(server: Server): PipeliningGuard {
    return this.of(server).guard;
  }

  private register(): void {
    this.isRegistered = true;
    this.worker.idle.add(this);
  }

  /** Closes those that are idle. */
  closeAll(): boolean {
    let closed = false;
    for (const of of this.servers) if (of !== undefined) closed = this.close(of.server) || closed;
    return closed;
  }

  /** Closes those to this server that are idle. False: there was none. */
  close(server: Server): boolean {
    const idle = this.of(server).idle.removeAll();
    server.idle = 0;
    for (const connection of idle) connection.close();
    return idle.length > 0;
  }

  /** The server has left the pool. */
  remove(server: Server): void {
    this.close(server);
    if (this.servers[server.slot]?.server === server) this.servers[server.slot] = undefined;
  }

  /** From now on none is kept, and those that are idle close. */
  retire(): void {
    this.retired = true;
    this.closeAll();
    this.worker.idle.remove(this);
  }

  private of(server: Server): ServerConnections<Connection> {
    const known = this.servers[server.slot];
    // The slot may be another server's by now.
    if (known?.server === server) return known;
    const idle = new IdleConnections<Connection & IdleConnection>(this.settings.maxIdle);
    const of = { server, idle, guard: new PipeliningGuard(), gathering: undefined };
    // Requests that are under way on a removed server are its last.
    if (!server.removed) this.servers[server.slot] = of;
    return of;
  }
}
