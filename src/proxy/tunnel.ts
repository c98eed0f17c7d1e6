/**
 * After 101 Switching Protocols: bytes both ways, with backpressure and half-close, and an end when nothing moves.
 *
 *      open ── FIN from both sides ──> closing: each side gets what is on its way (at most 30 s), then it is closed
 *        └──── idle time-out, a side breaks, no room, stop ──> over: what is left of the sides is reset or closed
 */
import { balancerFaults } from '../errors.ts';
import { counter } from '../metrics/counters.ts';
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../time/wheel.ts';
import { BufferAccount, type BufferBudget, type BufferOwner } from './buffer-budget.ts';
import { DelayedReset } from './delayed-reset.ts';
import type { Indexed, IndexedSet } from './indexed-set.ts';
import { goingAway, WebSocketFrames } from './web-socket-frames.ts';
import type { WorkerContext } from './worker-context.ts';

/** What the tunnels of a listener share. */
export interface TunnelContext {
  readonly worker: WorkerContext;
  readonly tunnels: IndexedSet<Tunnel>;
}

/** A bare connection, and the bytes that came on it before the tunnel was opened. */
export interface TunnelEnd {
  readonly socket: Socket;
  readonly early: Buffer | null;
}

/**
 * Opens a tunnel, which is in `tunnels` until it is over. `isWebSocket`: `dismiss` can close it well. `idleTimeoutMs`: longest time without a byte either way; 0: no limit. `onClose`
 * is called once, when it is over, with the bytes that came from the client and from the server.
 */
export function openTunnel(
  { worker, tunnels }: TunnelContext,
  client: TunnelEnd,
  server: TunnelEnd,
  idleTimeoutMs: number,
  isWebSocket: boolean,
  onClose: (bytesIn: number, bytesOut: number) => void,
): Tunnel {
  const { counters, wheel, buffers } = worker;
  counters.add(counter.tunnels);
  counters.add(counter.tunnels_open);
  const onOver = (bytesIn: number, bytesOut: number): void => {
    counters.add(counter.tunnels_open, -1);
    tunnels.remove(tunnel);
    onClose(bytesIn, bytesOut);
  };
  const onNoRoom = (): void => counters.refused(balancerFaults.buffersFull);
  const reset = (socket: Socket): void => void new DelayedReset(worker, socket, closingTimeoutMs, () => {});
  const tunnel = new Tunnel(client.socket, server.socket, wheel, buffers, idleTimeoutMs, onOver, onNoRoom, reset);
  tunnels.add(tunnel);
  if (isWebSocket) tunnel.followFrames();
  tunnel.start(client.early, server.early);
  return tunnel;
}

/** What a side has not taken this long after the FIN of both is lost. */
const closingTimeoutMs = 30_000;

export class Tunnel implements DeadlineOwner, Indexed, BufferOwner {
  index = -1;
  private readonly deadline = new Deadline(this);
  private readonly wheel: Wheel;
  private readonly idleTimeoutMs: number;
  private readonly onOver: (bytesIn: number, bytesOut: number) => void;
  private readonly onNoRoom: () => void;
  private readonly reset: (socket: Socket) => void;
  private readonly account: BufferAccount;
  private readonly client: Side;
  private readonly server: Side;
  /** Terminal: the sides end by themselves, or have ended. */
  private isOver = false;

  /** `reset` ends a side after what was written to it. */
  constructor(
    client: Socket,
    server: Socket,
    wheel: Wheel,
    buffers: BufferBudget,
    idleTimeoutMs: number,
    onOver: (bytesIn: number, bytesOut: number) => void,
    onNoRoom: () => void,
    reset: (socket: Socket) => void,
  ) {
    this.wheel = wheel;
    this.idleTimeoutMs = idleTimeoutMs;
    this.onOver = onOver;
    this.onNoRoom = onNoRoom;
    this.reset = reset;
    this.account = new BufferAccount(buffers, this);
    this.client = new Side(this, client, server, wheel);
    this.server = new Side(this, server, client, wheel);
  }

  start(fromClient: Buffer | null, fromServer: Buffer | null): void {
    for (const { socket } of [this.client, this.server]) {
      socket.charge(this.account);
      socket.resume();
    }
    this.client.socket.handler = this.client;
    this.server.socket.handler = this.server;
    this.wheel.set(this.deadline, this.idleTimeoutMs);
    if (fromClient !== null) this.client.onData(fromClient);
    if (fromServer !== null) this.server.onData(fromServer);
  }

  /** What the server sends is a WebSocket's. */
  followFrames(): void {
    this.server.frames = new WebSocketFrames();
  }

  /**
   * Tells the client of a WebSocket that the server is going away (1001), between two frames. It answers, the server takes that for
   * the wish of the client, and both end. Nothing happens to another tunnel, or in the middle of a frame.
   */
  dismiss(): void {
    const { client, server, isOver } = this;
    if (isOver || server.isSilenced || server.frames?.isBetween !== true || server.state !== 'open') return;
    server.isSilenced = true;
    client.socket.write(goingAway);
  }

  /** Its time is over. A client that was told is cut off in peace; for another one it must not pass for a regular end. */
  cut(): void {
    if (this.isOver) return;
    if (this.server.isSilenced) this.stop();
    else this.resetSides();
  }

  /** The balancer stops. What the kernel has is still delivered; the peers see from their own protocol that it was cut short. */
  stop(): void {
    this.over();
    for (const { socket } of [this.client, this.server]) socket.close();
  }

  /** Resets both sides at once. They buffer nothing any more. */
  private destroy(): void {
    for (const { socket } of [this.client, this.server]) socket.destroy();
    this.over();
  }

  /** Resets the sides that are left, each after what was written to it: it must not pass for a regular end. */
  private resetSides(): void {
    this.over();
    for (const { socket, state } of [this.client, this.server]) if (state !== 'closed') this.reset(socket);
  }

  onBuffersFull(): void {
    this.onNoRoom();
    this.destroy();
  }

  /** Nothing may have moved for the idle time; or, when it is over, a side does not take its last bytes. */
  onDeadline(): void {
    const leftMs = Math.max(this.client.activeAt, this.server.activeAt) + this.idleTimeoutMs - this.wheel.now;
    if (this.isOver) this.destroy();
    else if (leftMs > 0) this.wheel.set(this.deadline, leftMs);
    else this.resetSides();
  }

  /** A side has sent its FIN. Once both have, it is a regular end. */
  onSideEnd(peer: Socket): void {
    if (this.client.state === 'ended' && this.server.state === 'ended') this.finish();
    else peer.end();
  }

  /** A side is closed. Before the FIN of both that is no regular end, and the other side must not see one. */
  onSideClose(): void {
    if (this.client.state === 'closed' && this.server.state === 'closed') this.wheel.cancel(this.deadline);
    if (!this.isOver) this.resetSides();
  }

  /** Both sides have sent their FIN: each is closed once it has taken what is on its way. */
  private finish(): void {
    this.over();
    this.wheel.set(this.deadline, closingTimeoutMs);
    for (const { socket } of [this.client, this.server]) socket.close();
  }

  private over(): void {
    this.wheel.cancel(this.deadline);
    if (this.isOver) return;
    this.isOver = true;
    this.onOver(this.client.bytes, this.server.bytes);
  }
}

/**
 * One side of a tunnel: what it receives, the other side sends. A message touches no other object: with thousands of tunnels each more
 * would be one more cache miss.
 */
class Side implements SocketHandler {
  readonly socket: Socket;
  bytes = 0;
  /** Wheel time at which bytes last came from it, or were taken by the other side. */
  activeAt: number;
  /** ended: it has sent its FIN, and still takes bytes. */
  state: 'open' | 'ended' | 'closed' = 'open';
  /** What it sends is a WebSocket's; null: not, or nobody needs to know. */
  frames: WebSocketFrames | null = null;
  /** The other side has been told that this one is going away: after a close frame nothing more may be sent. */
  isSilenced = false;
  private readonly peer: Socket;
  private readonly wheel: Wheel;
  private readonly tunnel: Tunnel;

  constructor(tunnel: Tunnel, socket: Socket, peer: Socket, wheel: Wheel) {
    this.tunnel = tunnel;
    this.socket = socket;
    this.peer = peer;
    this.wheel = wheel;
    this.activeAt = wheel.now;
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.activeAt = this.wheel.now;
    if (this.isSilenced) return;
    if (this.frames !== null) this.frames.follow(chunk);
    if (!this.peer.write(chunk)) this.socket.pause();
  }

  onDrain(): void {
    this.activeAt = this.wheel.now;
    this.peer.resume();
  }

  onEnd(): void {
    this.state = 'ended';
    this.tunnel.onSideEnd(this.peer);
  }

  onClose(): void {
    this.state = 'closed';
    this.tunnel.onSideClose();
  }
}
