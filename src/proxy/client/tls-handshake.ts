/**
 * A new connection of a TLS listener, while its handshake is under way. Then the connection of the protocol that was agreed on (ALPN)
 * takes its place. Until then it counts as a connection of the listener, and has `timeouts.handshake`.
 */
import { type Fault, requestFaults } from '../../errors.ts';
import { counter } from '../../metrics/counters.ts';
import type { HandshakeHandler, Socket } from '../../net/socket.ts';
import type { TlsSession } from '../../net/tls.ts';
import { errorBody, errorLines } from './error-page.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import { PendingConnection } from './pending-connection.ts';
import type { ExchangeSource } from './request-handler.ts';

export class TlsHandshake extends PendingConnection implements HandshakeHandler {
  /** This side has ended it: the client is not to blame. */
  private isLeft = false;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    super(context, settings, exchanges, socket, settings.timeouts.handshake);
  }

  onSecure(session: TlsSession): void {
    if (this.isOver) return;
    const { counters } = this.context.worker;
    counters.add(counter.tls_handshakes);
    if (session.resumed) counters.add(counter.tls_handshakes_resumed);
    // A client without ALPN speaks HTTP/1.1 (RFC 9113 section 3.3).
    this.become(session.protocol === 'h2' ? 'h2' : 'h1');
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

  protected leave(): void {
    this.isLeft = true;
    this.socket.destroy();
  }
}

function plainAnswer(fault: Fault, date: string): Buffer {
  const page = errorBody(fault, null);
  const head = `HTTP/1.1 ${fault.status} Bad Request\r\n${errorLines(fault, page, date)}Connection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), page.body]);
}
