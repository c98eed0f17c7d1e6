/**
 * A client's connection whose protocol is not known yet. It counts as a connection of the listener, and has a limited time; then the connection
 * of the protocol takes its place.
 *
 *      pending ── become ──> replaced
 *         └────── the time is over, evicted, stopped, or the client has gone ──> closed
 */
import { requestFaults } from '../../errors.ts';
import type { Socket } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import type { ClientConnection } from './client-connection.ts';
import { H1ClientConnection } from './h1-connection.ts';
import { H2ClientConnection } from './h2-connection.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { ExchangeSource } from './request-handler.ts';

export abstract class PendingConnection implements ClientConnection, DeadlineOwner {
  index = -1;
  readonly context: ListenerContext;
  protected readonly settings: ListenerSettings;
  protected readonly socket: Socket;
  /** Replaced or closed: nothing is done any more. */
  protected isOver = false;
  private readonly exchanges: ExchangeSource;
  private readonly deadline = new Deadline(this);
  private readonly beganAt: number;
  /** There is one connection too many: the client is told so in its protocol. */
  private isRefused = false;

  constructor(
    context: ListenerContext,
    settings: ListenerSettings,
    exchanges: ExchangeSource,
    socket: Socket,
    timeoutMs: number,
  ) {
    const { wheel } = context.worker;
    this.context = context;
    this.settings = settings;
    this.exchanges = exchanges;
    this.socket = socket;
    this.beganAt = wheel.now;
    wheel.set(this.deadline, timeoutMs);
  }

  abstract onDeadline(): void;

  /** Ends it: nothing has been asked that could be answered. */
  protected abstract leave(): void;

  refuseConnection(): void {
    this.isRefused = true;
  }

  stop(): void {
    this.leave();
  }

  evict(idleMs: number): boolean {
    if (this.context.worker.wheel.now - this.beganAt < idleMs) return false;
    this.leave();
    return true;
  }

  destroy(): void {
    this.leave();
  }

  /** The client speaks this protocol: its connection is the socket's handler from now on. */
  protected become(protocol: 'h1' | 'h2'): H1ClientConnection | H2ClientConnection {
    const { context, settings, exchanges, socket } = this;
    this.end();
    const Connection = protocol === 'h2' ? H2ClientConnection : H1ClientConnection;
    const connection = new Connection(context, settings, exchanges, socket);
    socket.handler = connection;
    settings.onReplace(this, connection);
    if (this.isRefused) connection.refuseConnection();
    else if (!settings.protocols.includes(protocol)) connection.refuseConnection(requestFaults.http2Required);
    else if (context.stopping) connection.stop();
    return connection;
  }

  protected end(): void {
    this.isOver = true;
    this.context.worker.wheel.cancel(this.deadline);
  }
}
