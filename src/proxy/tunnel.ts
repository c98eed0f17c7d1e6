/** After 101 Switching Protocols: bytes both ways, with backpressure, half-close, and an end when nothing moves. */
import { balancerFaults } from '../errors.ts';
import { counter } from '../metrics/counters.ts';
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../time/wheel.ts';
import { BufferAccount, type BufferBudget, type BufferOwner } from './buffer-budget.ts';
import { DelayedReset } from './delayed-reset.ts';
import type { Indexed, IndexedSet } from './indexed-set.ts';
import type { WorkerContext } from './worker-context.ts';

/** What holds the tunnels of a listener. */
export interface TunnelContext {
  readonly worker: WorkerContext;
  readonly tunnels: IndexedSet<Tunnel>;
}

/** A bare connection, and the bytes that came on it before the tunnel stood. */
export interface End {
  readonly socket: Socket;
  readonly early: Buffer | null;
}

/** Opens one, and keeps it among the worker's. `idle`: ms without a byte either way; 0 no limit. `onClose`: once, when both sides are gone. */
export function openTunnel(
  { worker, tunnels }: TunnelContext,
  client: End,
  server: End,
  idle: number,
  onClose: (bytesIn: number, bytesOut: number) => void,
): void {
  const { counters } = worker;
  counters.add(counter.tunnels);
  counters.add(counter.tunnels_open);
  const over = (bytesIn: number, bytesOut: number): void => {
    counters.add(counter.tunnels_open, -1);
    tunnels.remove(tunnel);
    onClose(bytesIn, bytesOut);
  };
  const refuse = (): void => counters.refused(balancerFaults.buffersFull);
  const breakOff = (socket: Socket): void => void new DelayedReset(worker, socket, closingTime, () => {});
  const tunnel: Tunnel = new Tunnel(
    client.socket,
    server.socket,
    worker.wheel,
    worker.buffers,
    idle,
    over,
    refuse,
    breakOff,
  );
  tunnels.add(tunnel);
  tunnel.start(client.early, server.early);
}

/** What one side has not taken this long (ms) after both said their last is lost. */
const closingTime = 30_000;

export class Tunnel implements DeadlineOwner, Indexed, BufferOwner {
  index = -1;
  private readonly deadline = new Deadline(this);
  private readonly wheel: Wheel;
  private readonly idle: number;
  private readonly onClose: (bytesIn: number, bytesOut: number) => void;
  private readonly onGiveUp: () => void;
  private readonly breakOff: (socket: Socket) => void;
  private readonly keeping: BufferAccount;
  private readonly client: Side;
  private readonly server: Side;
  private closed = false;

  constructor(
    client: Socket,
    server: Socket,
    wheel: Wheel,
    kept: BufferBudget,
    idle: number,
    onClose: (bytesIn: number, bytesOut: number) => void,
    onGiveUp: () => void,
    breakOff: (socket: Socket) => void,
  ) {
    this.wheel = wheel;
    this.idle = idle;
    this.onClose = onClose;
    this.onGiveUp = onGiveUp;
    this.breakOff = breakOff;
    this.keeping = new BufferAccount(kept, this);
    this.client = new Side(this, client, server, wheel);
    this.server = new Side(this, server, client, wheel);
  }

  start(fromClient: Buffer | null, fromServer: Buffer | null): void {
    for (const { socket } of [this.client, this.server]) {
      socket.charge(this.keeping);
      socket.resume();
    }
    this.client.socket.handler = this.client;
    this.server.socket.handler = this.server;
    this.wheel.set(this.deadline, this.idle);
    if (fromClient !== null) this.client.onData(fromClient);
    if (fromServer !== null) this.server.onData(fromServer);
  }

  /** The balancer stops: what the kernel has is still delivered. That the protocol of the two has not come to its end tells them. */
  stop(): void {
    this.over();
    for (const { socket } of [this.client, this.server]) socket.close();
  }

  /** Breaks both sides off, which keep nothing any more. */
  private destroy(): void {
    for (const { socket } of [this.client, this.server]) socket.destroy();
    this.over();
  }

  /** Breaks off the sides that are left: each gets what was written to it first, and no regular end. */
  private breakSides(): void {
    this.over();
    for (const { socket, closed } of [this.client, this.server]) if (!closed) this.breakOff(socket);
  }

  giveUp(): void {
    this.onGiveUp();
    this.destroy();
  }

  /** Nothing has moved for `idle`; or one side does not take the last bytes. */
  onDeadline(): void {
    const left = Math.max(this.client.movedAt, this.server.movedAt) + this.idle - this.wheel.now;
    if (this.closed) this.destroy();
    else if (left > 0) this.wheel.set(this.deadline, left);
    else this.breakSides();
  }

  /** With the other's FIN as well it is a regular end. */
  onSideEnd(peer: Socket): void {
    if (this.client.ended && this.server.ended) this.finish();
    else peer.end();
  }

  /** A side is gone: after both FINs, or because it broke, which the other side has to see as broken. */
  onSideClose(error: Error | null): void {
    const { client, server } = this;
    if (client.closed && server.closed) this.wheel.cancel(this.deadline);
    if (this.closed) return;
    if (error === null && client.ended && server.ended) this.finish();
    else this.breakSides();
  }

  /** Both have said their last: closed once what is on its way has been taken. */
  private finish(): void {
    this.over();
    this.wheel.set(this.deadline, closingTime);
    for (const { socket } of [this.client, this.server]) socket.close();
  }

  private over(): void {
    this.wheel.cancel(this.deadline);
    if (this.closed) return;
    this.closed = true;
    this.onClose(this.client.bytes, this.server.bytes);
  }
}

/**
 * One end of a tunnel: what it receives, the peer sends. A message touches nothing else: with thousands of tunnels each
 * object more is a cache miss more.
 */
class Side implements SocketHandler {
  readonly socket: Socket;
  bytes = 0;
  /** Wheel time of the last byte. */
  movedAt: number;
  ended = false;
  closed = false;
  private readonly peer: Socket;
  private readonly wheel: Wheel;
  private readonly tunnel: Tunnel;

  constructor(tunnel: Tunnel, socket: Socket, peer: Socket, wheel: Wheel) {
    this.tunnel = tunnel;
    this.socket = socket;
    this.peer = peer;
    this.wheel = wheel;
    this.movedAt = wheel.now;
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.movedAt = this.wheel.now;
    if (!this.peer.write(chunk)) this.socket.pause();
  }

  onDrain(): void {
    this.movedAt = this.wheel.now;
    this.peer.resume();
  }

  onEnd(): void {
    this.ended = true;
    this.tunnel.onSideEnd(this.peer);
  }

  onClose(error: Error | null): void {
    this.closed = true;
    this.tunnel.onSideClose(error);
  }
}
