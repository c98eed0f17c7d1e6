/**
 * A new connection of a plain listener that speaks HTTP/2: by its first bytes the client shows which protocol it speaks (RFC 9113 section
 * 3.3, prior knowledge). Then the connection of that protocol takes its place. `Upgrade: h2c` is not honoured (RFC 9113 section 3.1).
 */
import { requestFaults } from '../../errors.ts';
import { clientPreface } from '../../http/h2/frame.ts';
import type { Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import type { ClientConnection } from './client-connection.ts';
import { H1ClientConnection } from './h1-connection.ts';
import { H2ClientConnection } from './h2-connection.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { ExchangeSource } from './request-handler.ts';

export class ProtocolChoice implements ClientConnection, SocketHandler, DeadlineOwner {
  index = -1;
  readonly context: ListenerContext;
  private readonly settings: ListenerSettings;
  private readonly exchanges: ExchangeSource;
  private readonly socket: Socket;
  private readonly deadline = new Deadline(this);
  private readonly beganAt: number;
  /** The beginning of the preface. */
  private kept: Buffer | null = null;
  /** There is one connection too many: the client is told so in its protocol. */
  private isRefused = false;
  private isOver = false;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    const { wheel } = context.worker;
    this.context = context;
    this.settings = settings;
    this.exchanges = exchanges;
    this.socket = socket;
    this.beganAt = wheel.now;
    wheel.set(this.deadline, settings.timeouts.requestHead);
  }

  onData(chunk: Buffer): void {
    if (this.isOver) return;
    const bytes = this.kept === null ? chunk : Buffer.concat([this.kept, chunk]);
    const size = Math.min(bytes.length, clientPreface.length);
    if (bytes.compare(clientPreface, 0, size, 0, size) !== 0) this.become('h1', bytes);
    else if (size === clientPreface.length) this.become('h2', bytes);
    else this.kept = bytes;
  }

  onDrain(): void {}

  /** Nothing has been asked that could be answered. */
  onEnd(): void {
    this.socket.close();
  }

  onClose(): void {
    if (this.isOver) return;
    this.end();
    this.settings.onClose(this);
  }

  onDeadline(): void {
    this.socket.close();
  }

  refuseConnection(): void {
    this.isRefused = true;
  }

  stop(): void {
    this.socket.close();
  }

  evict(idleMs: number): boolean {
    if (this.context.worker.wheel.now - this.beganAt < idleMs) return false;
    this.socket.close();
    return true;
  }

  destroy(): void {
    this.socket.close();
  }

  private become(protocol: 'h1' | 'h2', bytes: Buffer): void {
    const { context, settings, exchanges, socket } = this;
    this.end();
    const Connection = protocol === 'h2' ? H2ClientConnection : H1ClientConnection;
    const connection = new Connection(context, settings, exchanges, socket);
    socket.handler = connection;
    settings.onReplace(this, connection);
    if (this.isRefused) connection.refuseConnection();
    else if (!settings.protocols.includes(protocol)) connection.refuseConnection(requestFaults.http2Required);
    connection.onData(bytes);
  }

  private end(): void {
    this.isOver = true;
    this.context.worker.wheel.cancel(this.deadline);
  }
}
