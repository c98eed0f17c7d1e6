/**
 * One connection to a server being made for an exchange: counted while it lasts, and its failure told apart: the server's,
 * or a shortage of this machine, which says nothing of the server (I12).
 */
import { balancerFaults, type Fault, serverFaults } from '../../errors.ts';
import type { Server } from '../../fleet/server.ts';
import { counter } from '../../metrics/counters.ts';
import { isNameError, shortageOf } from '../../net/shortage.ts';
import {
  type ConnectHandler,
  type Connecting,
  formatAddress,
  type Socket,
  type SocketHandler,
} from '../../net/socket.ts';
import { ServerConnection } from './connection.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import type { PoolContext } from './pool-context.ts';

/** Told once, and never from inside the call that begins it. */
export interface ConnectListener {
  onConnected(upstream: ServerConnection): void;
  onConnectFailed(fault: Fault): void;
}

export class Connector implements ConnectHandler, Connecting {
  private readonly context: PoolContext;
  private readonly pool: ConnectionOwner;
  private readonly server: Server;
  private readonly dialler: ConnectListener;
  private readonly connecting: Connecting | null = null;
  private settled = false;

  constructor(context: PoolContext, pool: ConnectionOwner, server: Server, dialler: ConnectListener) {
    const { worker } = context;
    this.context = context;
    this.pool = pool;
    this.server = server;
    this.dialler = dialler;
    server.connects.begin();
    worker.counters.add(counter.connecting);
    // What is kept for later goes first.
    if (worker.descriptors.isFull) pool.makeRoom();
    if (worker.descriptors.isFull)
      worker.net.afterTurn(() => this.lack('the descriptors that this process may have are in use'));
    else this.connecting = worker.net.connect(server.address, this);
  }

  cancel(): void {
    if (this.settled) return;
    this.settle();
    this.context.worker.debug?.notConnected(this.pool.settings.name, this.server, 'given up before it was made');
    this.connecting?.cancel();
  }

  onOpen(socket: Socket): SocketHandler {
    this.settle();
    this.context.worker.debug?.connected(this.pool.settings.name, this.server);
    const upstream = new ServerConnection(this.context, this.pool, this.server, socket);
    this.dialler.onConnected(upstream);
    // Others may have waited for their turn to connect.
    this.pool.offer(this.server);
    return upstream;
  }

  onFail(error: Error): void {
    const reason = shortageOf(error, this.server.address.kind);
    this.context.worker.debug?.notConnected(this.pool.settings.name, this.server, reason ?? error.message);
    if (reason !== null) this.lack(reason);
    else this.fail(isNameError(error) ? serverFaults.nameNotFound : serverFaults.connectRefused);
  }

  private lack(reason: string): void {
    if (this.settled) return;
    this.context.worker.counters.add(counter.shortages_connect);
    this.context.worker.reportShortage('connect', reason, formatAddress(this.server.address));
    this.fail(balancerFaults.outOfResources);
  }

  private fail(fault: Fault): void {
    this.settle();
    this.dialler.onConnectFailed(fault);
  }

  private settle(): void {
    this.settled = true;
    this.server.connects.end();
    this.context.worker.counters.add(counter.connecting, -1);
  }
}
