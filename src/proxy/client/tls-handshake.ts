/**
 * A new connection of a TLS listener, while its handshake is under way. Then the connection of the protocol that was agreed on (ALPN)
 * takes its place. Until then it counts as a connection of the listener, and has `timeouts.handshake`.
 */
import { type Fault, requestFaults } from '../../errors.ts';
import { counter } from '../../metrics/counters.ts';
import type { HandshakeHandler, Socket } from '../../net/socket.ts';
import type { TlsSession } from '../../net/tls.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import type { ClientConnection } from './client-connection.ts';
import { errorBody, errorLines } from './error-page.ts';
import { H1ClientConnection } from './h1-connection.ts';
import { H2ClientConnection } from './h2-connection.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { ExchangeSource } from './request-handler.ts';

export class TlsHandshake implements ClientConnection, HandshakeHandler, DeadlineOwner {
  index = -1;
  readonly context: ListenerContext;
  private readonly settings: ListenerSettings;
  private readonly exchanges: ExchangeSource;
  private readonly socket: Socket;
  private readonly deadline = new Deadline(this);
  private readonly beganAt: number;
  /** There is one connection too many: the client is told so in its protocol. */
  private isRefused = false;
  private isOver = false;
  /** This side has ended it: the client is not to blame. */
  private isLeft = false;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    const { wheel } = context.worker;
    this.context = context;
    this.settings = settings;
    this.exchanges = exchanges;
    this.socket = socket;
    this.beganAt = wheel.now;
    wheel.set(this.deadline, settings.timeouts.handshake);
  }

  onSecure(session: TlsSession): void {
    if (this.isOver) return;
    const { context, settings, exchanges, socket } = this;
    const { counters } = context.worker;
    this.end();
    counters.add(counter.tls_handshakes);
    if (session.resumed) counters.add(counter.tls_handshakes_resumed);
    // A client without ALPN speaks HTTP/1.1 (RFC 9113 section 3.3).
    const isH2 = session.protocol === 'h2';
    const Connection = isH2 ? H2ClientConnection : H1ClientConnection;
    const connection = new Connection(context, settings, exchanges, socket);
    socket.handler = connection;
    settings.onReplace(this, connection);
    if (this.isRefused) connection.refuseConnection();
    else if (!settings.protocols.includes(isH2 ? 'h2' : 'h1')) connection.refuseConnection(requestFaults.http2Required);
    else if (context.stopping) connection.stop();
  }

  onPlainHttp(): Uint8Array {
    const { counters } = this.context.worker;
    counters.refused(requestFaults.httpsRequired);
    return plainAnswer(requestFaults.httpsRequired, this.context.worker.date());
  }

  /** A socket gives no data before `onSecure`. */
  onData(): void {}

  onDrain(): void {}

  onEnd(): void {
    this.socket.close();
  }

  onClose(error: (Error & { readonly code?: unknown }) | null): void {
    if (this.isOver) return;
    this.end();
    if (!this.isLeft) {
      const { counters, debug } = this.context.worker;
      counters.add(counter.tls_handshakes_failed);
      debug?.handshakeFailed(this.settings.name, String(error?.code ?? 'the client has gone'));
    }
    this.settings.onClose(this);
  }

  onDeadline(): void {
    const { counters, debug } = this.context.worker;
    counters.add(counter.tls_handshakes_timed_out);
    debug?.handshakeFailed(this.settings.name, 'timeouts.handshake is over');
    this.leave();
  }

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

  private leave(): void {
    this.isLeft = true;
    this.socket.destroy();
  }

  private end(): void {
    this.isOver = true;
    this.context.worker.wheel.cancel(this.deadline);
  }
}

function plainAnswer(fault: Fault, date: string): Buffer {
  const page = errorBody(fault, null);
  const head = `HTTP/1.1 ${fault.status} Bad Request\r\n${errorLines(fault, page, date)}Connection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), page.body]);
}
