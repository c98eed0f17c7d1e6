/**
 * One connection to a server that is being made for an exchange. It is counted while that lasts. When it fails, the server's fault is told
 * from a shortage of this machine, which says nothing about the server (I12).
 *
 *      connecting ── connected | failed | cancelled ──> settled
 */
import { balancerFaults, type Fault, serverFaults } from '../../errors.ts';
import type { Server } from '../../fleet/server.ts';
import { counter } from '../../metrics/counters.ts';
import { isNameError, shortageOf } from '../../net/shortage.ts';
import {
  type ConnectHandler,
  type Connecting,
  formatAddress,
  nobody,
  type Socket,
  type SocketHandler,
} from '../../net/socket.ts';
import type { ClientTls } from '../../net/tls.ts';
import { tlsFailureOf } from '../../net/tls-failure.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import type { PoolContext } from './pool-context.ts';
import type { ServerConnection } from './server-connection.ts';

/** One of its methods is called, once, and never from inside the call that begins the connection. */
export interface ConnectListener<Connection = ServerConnection> {
  onConnected(connection: Connection): void;
  onConnectFailed(fault: Fault): void;
}

/** What is spoken on it. */
export interface ConnectorOptions<Connection> {
  /** Makes the connection out of its socket. */
  readonly open: (socket: Socket) => Connection;
  /** null: plain. */
  readonly tls: ClientTls | null;
  readonly protocol: 'h1' | 'h2';
}

/** Node closes the socket of a connection that ends in the next loop turn, and says so in the one after it. */
const maxTurns = 4;

export class Connector<Connection extends SocketHandler> implements ConnectHandler, Connecting {
  private readonly worker: WorkerContext;
  private readonly pool: ConnectionOwner;
  private readonly server: Server;
  private readonly listener: ConnectListener<Connection>;
  private readonly options: ConnectorOptions<Connection>;
  /** null: it has not been begun, because no descriptor is free. */
  private connecting: Connecting | null = null;
  private isSettled = false;

  constructor(
    { worker }: PoolContext,
    pool: ConnectionOwner,
    server: Server,
    listener: ConnectListener<Connection>,
    options: ConnectorOptions<Connection>,
  ) {
    this.worker = worker;
    this.pool = pool;
    this.server = server;
    this.listener = listener;
    this.options = options;
    server.connects.begin();
    worker.counters.add(counter.upstream_connects);
    worker.counters.add(counter.connecting);
    if (!worker.descriptors.isFull) this.connecting = worker.net.connect(server.address, this, options.tls);
    else {
      worker.idle.closeAll();
      this.waitForDescriptor(maxTurns);
    }
  }

  /** Descriptors that this connection has had freed, or another one that waits, count as free only after some loop turns. */
  private waitForDescriptor(turnsLeft: number): void {
    const { net, descriptors } = this.worker;
    net.afterTurn(() => {
      if (this.isSettled) return;
      if (!descriptors.isFull) this.connecting = net.connect(this.server.address, this, this.options.tls);
      else if (turnsLeft > 1) this.waitForDescriptor(turnsLeft - 1);
      else this.onShortage('the descriptors that this process may have are in use');
    });
  }

  cancel(): void {
    if (this.isSettled) return;
    this.settle();
    this.worker.debug?.notConnected(this.pool.settings.name, this.server, 'given up before it was made');
    this.connecting?.cancel();
  }

  onOpen(socket: Socket): SocketHandler {
    this.settle();
    const { tls, protocol, open } = this.options;
    if (tls !== null && protocol === 'h2' && socket.tls?.protocol !== 'h2') return this.refuseProtocol(socket);
    this.worker.debug?.connected(this.pool.settings.name, this.server);
    const connection = open(socket);
    this.listener.onConnected(connection);
    // Others may wait because so many connections were being made.
    this.pool.offer(this.server);
    return connection;
  }

  /** RFC 9113 section 3.2: over TLS, HTTP/2 is spoken only where ALPN has agreed on it. */
  private refuseProtocol(socket: Socket): SocketHandler {
    const how = 'it does not agree on h2 by ALPN';
    this.worker.debug?.notConnected(this.pool.settings.name, this.server, how);
    this.pool.onTlsFailed(this.server, how);
    socket.destroy();
    this.listener.onConnectFailed(serverFaults.serverProtocol);
    return nobody;
  }

  onFail(error: Error): void {
    const reason = shortageOf(error, this.server.address.kind);
    this.worker.debug?.notConnected(this.pool.settings.name, this.server, reason ?? error.message);
    if (reason !== null) this.onShortage(reason);
    else this.fail(this.faultOf(error));
  }

  private faultOf(error: Error): Fault {
    if (isNameError(error)) return serverFaults.nameNotFound;
    const failure = this.options.tls === null ? null : tlsFailureOf(error);
    if (failure === null) return serverFaults.connectRefused;
    this.pool.onTlsFailed(this.server, error.message);
    if (failure === 'certificate') return serverFaults.serverCertificate;
    return failure === 'protocol' ? serverFaults.serverProtocol : serverFaults.tlsFailed;
  }

  /** This machine lacks something. It may have been cancelled meanwhile. */
  private onShortage(reason: string): void {
    if (this.isSettled) return;
    this.worker.counters.add(counter.shortages_connect);
    this.worker.reportShortage('connect', reason, formatAddress(this.server.address));
    this.fail(balancerFaults.outOfResources);
  }

  private fail(fault: Fault): void {
    this.settle();
    this.listener.onConnectFailed(fault);
  }

  private settle(): void {
    this.isSettled = true;
    this.server.connects.end();
    this.worker.counters.add(counter.connecting, -1);
  }
}
