/** After 101 Switching Protocols: bytes both ways, with backpressure, half-close, and an end when nothing moves. */
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../time/wheel.ts';

export interface TunnelOptions {
  readonly wheel: Wheel;
  /** Milliseconds without a byte either way; 0 no limit. */
  readonly idle: number;
  /** Once, when both sides are gone. */
  readonly onClose: (bytesIn: number, bytesOut: number) => void;
}

export class Tunnel implements DeadlineOwner {
  readonly deadline = new Deadline(this);
  private readonly options: TunnelOptions;
  private readonly client: Side;
  private readonly server: Side;
  private closed = false;

  constructor(client: Socket, server: Socket, options: TunnelOptions) {
    this.options = options;
    this.client = new Side(this, client);
    this.server = new Side(this, server);
    this.client.other = this.server;
    this.server.other = this.client;
    client.handler = this.client;
    server.handler = this.server;
    client.resume();
    server.resume();
    this.moved();
  }

  /** Bytes that came before the tunnel stood. */
  start(fromClient: Buffer | null, fromServer: Buffer | null): void {
    if (fromClient !== null) this.client.onData(fromClient);
    if (fromServer !== null) this.server.onData(fromServer);
  }

  moved(): void {
    this.options.wheel.set(this.deadline, this.options.idle);
  }

  /** Ends both sides at once. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.options.wheel.cancel(this.deadline);
    this.client.socket.destroy();
    this.server.socket.destroy();
    this.options.onClose(this.client.bytes, this.server.bytes);
  }

  onDeadline(): void {
    this.close();
  }

  /** Both have said their last: a regular end. */
  finish(): void {
    if (this.closed) return;
    this.closed = true;
    this.options.wheel.cancel(this.deadline);
    this.client.socket.close();
    this.server.socket.close();
    this.options.onClose(this.client.bytes, this.server.bytes);
  }
}

/** One end of a tunnel: what it receives, the other end sends. */
class Side implements SocketHandler {
  readonly socket: Socket;
  other!: Side;
  bytes = 0;
  ended = false;
  private readonly tunnel: Tunnel;

  constructor(tunnel: Tunnel, socket: Socket) {
    this.tunnel = tunnel;
    this.socket = socket;
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.tunnel.moved();
    if (!this.other.socket.write(chunk)) this.socket.pause();
  }

  onDrain(): void {
    this.tunnel.moved();
    this.other.socket.resume();
  }

  onEnd(): void {
    this.ended = true;
    if (this.other.ended) this.tunnel.finish();
    else this.other.socket.end();
  }

  onClose(error: Error | null): void {
    // Both FINs have passed, or the connection broke, which the other side has to see as broken.
    if (error === null && this.ended && this.other.ended) this.tunnel.finish();
    else this.tunnel.close();
  }
}
