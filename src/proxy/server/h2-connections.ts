/**
 * The HTTP/2 connections from one worker to the servers of one pool. There are as few as the requests need: another one is made when the
 * streams of those that are open are in use, or when the server does not take what was written to them. Requests that come meanwhile wait
 * for it together (h2-opening.ts).
 *
 *      take ──> a place on an open connection ── the request is over ──> the place is free
 *      connect ──> opening, or joins one ──> open
 */
import type { Server } from '../../fleet/server.ts';
import type { Connecting, Socket } from '../../net/socket.ts';
import type { ClientTls } from '../../net/tls.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { type ConnectListener, Connector } from './connector.ts';
import { type H2ConnectionOwner, H2ServerConnection } from './h2-connection.ts';
import { assumedStreams, H2Context } from './h2-context.ts';
import { H2Opening, type OpeningOwner } from './h2-opening.ts';
import type { H2ServerStream } from './h2-stream.ts';
import type { IdleHolder } from './idle-registry.ts';
import type { PoolConnections } from './pool-connections.ts';
import type { PoolContext } from './pool-context.ts';

/** Times are milliseconds. */
export interface H2Settings {
  readonly timeouts: { readonly connect: number; readonly keepAlive: number };
  readonly limits: {
    readonly headBytes: number;
    readonly headers: number;
    /** Most connections to one server, and requests at one time on each. */
    readonly h2Connections: number;
    readonly h2Streams: number;
  };
}

/** How the next connection to the server is encrypted; null: it is plain, by prior knowledge (RFC 9113 section 3.3). */
export type TlsFor = (server: Server) => ClientTls | null;

/** Of one server. */
interface ServerConnections {
  readonly server: Server;
  readonly open: H2ServerConnection[];
  readonly openings: Set<H2Opening>;
}

export class H2Connections implements PoolConnections, IdleHolder, H2ConnectionOwner, OpeningOwner {
  private readonly context: PoolContext;
  private readonly h2: H2Context;
  private readonly settings: H2Settings;
  private readonly tlsFor: TlsFor;
  /** By slot. */
  private readonly servers: (ServerConnections | undefined)[] = [];
  private isRetired = false;
  private isRegistered = false;

  constructor(context: PoolContext, settings: H2Settings, tlsFor: TlsFor, isSecure: boolean) {
    const { limits } = settings;
    this.context = context;
    this.settings = settings;
    this.tlsFor = tlsFor;
    this.h2 = new H2Context(context, limits, limits.h2Streams, isSecure);
  }

  takeIdle(server: Server): H2ServerStream | undefined {
    return this.find(this.of(server))?.take();
  }

  private find(of: ServerConnections): H2ServerConnection | undefined {
    let stalled: H2ServerConnection | undefined;
    for (const connection of of.open) {
      if (connection.places === 0) continue;
      if (!connection.isStalled) return connection;
      stalled ??= connection;
    }
    // What was written to it first is not read yet: a new connection is better, if there may be one.
    return this.mayOpen(of) ? undefined : stalled;
  }

  takeGathering(server: Server): H2ServerStream | undefined {
    return this.takeIdle(server);
  }

  /** A place on a connection that is being made; on one that is open, when the request has lost its connection and comes back. */
  readonly connectTo = (owner: ConnectionOwner, server: Server, listener: ConnectListener): Connecting => {
    const of = this.of(server);
    return this.find(of) === undefined ? this.open(of, owner, listener) : this.takeLater(of, owner, listener);
  };

  /** A listener is never called from inside the call that begins the connection. */
  private takeLater(of: ServerConnections, owner: ConnectionOwner, listener: ConnectListener): Connecting {
    let connecting: Connecting = {
      cancel() {
        isCancelled = true;
      },
    };
    let isCancelled = false;
    this.context.worker.net.afterTurn(() => {
      if (isCancelled) return;
      const connection = this.find(of);
      if (connection === undefined) connecting = this.open(of, owner, listener);
      else listener.onConnected(connection.take());
    });
    return { cancel: () => connecting.cancel() };
  }

  private open(of: ServerConnections, owner: ConnectionOwner, listener: ConnectListener): Connecting {
    const { server } = of;
    for (const opening of of.openings) if (opening.places > 0) return this.join(of, opening, listener);
    const places = Math.min(assumedStreams, this.h2.maxStreams);
    const opening = new H2Opening(this, server, this.context.worker.wheel, this.settings.timeouts.connect, places);
    of.openings.add(opening);
    opening.start((told) => this.begin(owner, server, told));
    return this.join(of, opening, listener);
  }

  private join(of: ServerConnections, opening: H2Opening, listener: ConnectListener): Connecting {
    const joined = opening.join(listener);
    this.update(of);
    return joined;
  }

  private begin(owner: ConnectionOwner, server: Server, told: ConnectListener<H2ServerConnection>): Connecting {
    const { context, h2, settings } = this;
    const open = (socket: Socket): H2ServerConnection => {
      const connection = new H2ServerConnection(h2, owner, this, server, socket, settings.timeouts.keepAlive);
      this.add(connection);
      return connection;
    };
    return new Connector(context, owner, server, told, { open, tls: this.tlsFor(server), protocol: 'h2' });
  }

  onOpeningChange(opening: H2Opening): void {
    const of = this.of(opening.server);
    if (opening.isOver) of.openings.delete(opening);
    this.update(of);
  }

  private add(connection: H2ServerConnection): void {
    const { server } = connection;
    this.of(server).open.push(connection);
    if (this.isRetired || server.removed) connection.drain('its pool is not used any more');
    if (this.isRegistered) return;
    this.isRegistered = true;
    this.context.worker.idle.add(this);
  }

  onPlaces(connection: H2ServerConnection): void {
    const of = this.of(connection.server);
    if (connection.isClosed) {
      const i = of.open.indexOf(connection);
      if (i >= 0) of.open.splice(i, 1);
    }
    this.update(of);
  }

  /** What the pool goes by: whether the server can take a request now, or a connection to it can be made. */
  private update(of: ServerConnections): void {
    const { server } = of;
    let places = 0;
    for (const connection of of.open) places += connection.places;
    for (const opening of of.openings) places += opening.places;
    server.idle = places;
    server.connects.isFull = !this.mayOpen(of);
  }

  private mayOpen({ open, openings }: ServerConnections): boolean {
    return open.length + openings.size < this.settings.limits.h2Connections;
  }

  closeAll(): boolean {
    let hasClosed = false;
    for (const of of this.servers) if (of !== undefined) hasClosed = this.close(of.server) || hasClosed;
    return hasClosed;
  }

  /** Those of a server whose addresses have changed take no other request either. */
  close(server: Server): boolean {
    let hasClosed = false;
    for (const connection of [...this.of(server).open]) {
      if (connection.isIdle) {
        connection.close();
        hasClosed = true;
      } else if (connection.moves !== server.moves) connection.drain('the addresses of its server have changed');
    }
    return hasClosed;
  }

  remove(server: Server): void {
    const { open } = this.of(server);
    for (const connection of [...open]) connection.drain('its server has left the pool');
    if (this.servers[server.slot]?.server === server) this.servers[server.slot] = undefined;
  }

  retire(): void {
    this.isRetired = true;
    for (const of of this.servers)
      if (of !== undefined) for (const connection of [...of.open]) connection.drain('its pool is not used any more');
    this.context.worker.idle.remove(this);
  }

  private of(server: Server): ServerConnections {
    const known = this.servers[server.slot];
    // The slot may be another server's by now.
    if (known?.server === server) return known;
    const of = { server, open: [], openings: new Set<H2Opening>() };
    // Requests that are under way on a removed server are its last.
    if (!server.removed) this.servers[server.slot] = of;
    return of;
  }
}
