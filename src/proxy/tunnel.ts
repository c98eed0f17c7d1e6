/** After 101 Switching Protocols: bytes both ways, with backpressure, half-close, and an end when nothing moves. */
import { counter } from '../metrics/counters.ts';
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../time/wheel.ts';
import type { Work } from './work.ts';

/** A bare connection, and the bytes that came on it before the tunnel stood. */
export interface End {
  readonly socket: Socket;
  readonly early: Buffer | null;
}

/** Opens one, and keeps it among the worker's. `idle`: ms without a byte either way; 0 no limit. `onClose`: once, when both sides are gone. */
export function openTunnel(
  work: Work,
  client: End,
  server: End,
  idle: number,
  onClose: (bytesIn: number, bytesOut: number) => void,
): void {
  const { counters, tunnels } = work;
  counters.add(counter.tunnels);
  counters.add(counter.tunnels_open);
  const tunnel: Tunnel = new Tunnel(client.socket, server.socket, work.wheel, idle, (bytesIn, bytesOut) => {
    counters.add(counter.tunnels_open, -1);
    tunnels.delete(tunnel);
    onClose(bytesIn, bytesOut);
  });
  tunnels.add(tunnel);
  tunnel.start(client.early, server.early);
}

/** What one side has not taken this long (ms) after both said their last is lost. */
const closingTime = 30_000;

export class Tunnel implements DeadlineOwner {
  private readonly deadline = new Deadline(this);
  private readonly wheel: Wheel;
  private readonly idle: number;
  private readonly onClose: (bytesIn: number, bytesOut: number) => void;
  private readonly client: Side;
  private readonly server: Side;
  private closed = false;

  constructor(
    client: Socket,
    server: Socket,
    wheel: Wheel,
    idle: number,
    onClose: (bytesIn: number, bytesOut: number) => void,
  ) {
    this.wheel = wheel;
    this.idle = idle;
    this.onClose = onClose;
    this.client = new Side(this, client);
    this.server = new Side(this, server);
    this.client.other = this.server;
    this.server.other = this.client;
  }

  start(fromClient: Buffer | null, fromServer: Buffer | null): void {
    for (const { socket } of [this.client, this.server]) socket.resume();
    this.client.socket.handler = this.client;
    this.server.socket.handler = this.server;
    this.moved();
    if (fromClient !== null) this.client.onData(fromClient);
    if (fromServer !== null) this.server.onData(fromServer);
  }

  moved(): void {
    this.wheel.set(this.deadline, this.idle);
  }

  /** Ends both sides at once. */
  close(): void {
    for (const { socket } of [this.client, this.server]) socket.destroy();
    this.over();
  }

  /** Both have said their last: a regular end, once what is on its way has been taken. */
  finish(): void {
    this.over();
    this.wheel.set(this.deadline, closingTime);
    for (const { socket } of [this.client, this.server]) socket.close();
  }

  onDeadline(): void {
    this.close();
  }

  /** A side is gone: after both FINs, or because it broke, which the other side has to see as broken. */
  onSideClose(clean: boolean): void {
    if (this.client.closed && this.server.closed) this.wheel.cancel(this.deadline);
    if (this.closed) return;
    if (clean) this.finish();
    else this.close();
  }

  private over(): void {
    this.wheel.cancel(this.deadline);
    if (this.closed) return;
    this.closed = true;
    this.onClose(this.client.bytes, this.server.bytes);
  }
}

/** One end of a tunnel: what it receives, the other end sends. */
class Side implements SocketHandler {
  readonly socket: Socket;
  other!: Side;
  bytes = 0;
  ended = false;
  closed = false;
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
    this.closed = true;
    this.tunnel.onSideClose(error === null && this.ended && this.other.ended);
  }
}
