/**
 * A new connection of a plain listener that speaks HTTP/2: by its first bytes the client shows which protocol it speaks (RFC 9113 section
 * 3.3, prior knowledge). Then the connection of that protocol takes its place. `Upgrade: h2c` is not honoured (RFC 9113 section 3.1).
 */
import { clientPreface } from '../../http/h2/frame.ts';
import type { Socket, SocketHandler } from '../../net/socket.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import { PendingConnection } from './pending-connection.ts';
import type { ExchangeSource } from './request-handler.ts';

export class ProtocolChoice extends PendingConnection implements SocketHandler {
  /** The beginning of the preface. */
  private kept: Buffer | null = null;

  constructor(context: ListenerContext, settings: ListenerSettings, exchanges: ExchangeSource, socket: Socket) {
    super(context, settings, exchanges, socket, settings.timeouts.requestHead);
  }

  onData(chunk: Buffer): void {
    if (this.isOver) return;
    const bytes = this.kept === null ? chunk : Buffer.concat([this.kept, chunk]);
    const size = Math.min(bytes.length, clientPreface.length);
    if (bytes.compare(clientPreface, 0, size, 0, size) !== 0) this.become('h1').onData(bytes);
    else if (size === clientPreface.length) this.become('h2').onData(bytes);
    else this.kept = bytes;
  }

  onDrain(): void {}

  onEnd(): void {
    this.leave();
  }

  onClose(): void {
    if (this.isOver) return;
    this.end();
    this.settings.onClose(this);
  }

  onDeadline(): void {
    this.leave();
  }

  protected leave(): void {
    this.socket.close();
  }
}
