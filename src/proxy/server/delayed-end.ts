/**
 * The regular end of a connection whose request cannot be completed: the server gets all of the request that has come, and then our
 * FIN. The framing of the request shows the server that the rest is missing. A reset would make its kernel throw away what the server
 * has not read yet.
 */
import type { Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../../time/wheel.ts';

/** A server that takes nothing, or does not end its side, for this long is reset. */
const idleTimeoutMs = 30_000;

export class DelayedEnd implements SocketHandler, DeadlineOwner {
  private readonly socket: Socket;
  private readonly wheel: Wheel;
  private readonly deadline = new Deadline(this);

  /** Becomes the socket's handler. */
  constructor(wheel: Wheel, socket: Socket) {
    this.wheel = wheel;
    this.socket = socket;
    socket.handler = this;
    // What the server sends is ignored, but it has to be read, because its FIN comes behind it.
    socket.resume();
    socket.end();
    wheel.set(this.deadline, idleTimeoutMs);
  }

  onData(): void {}

  onDrain(): void {
    this.wheel.set(this.deadline, idleTimeoutMs);
  }

  onEnd(): void {
    this.socket.close();
  }

  onClose(): void {
    this.wheel.cancel(this.deadline);
  }

  onDeadline(): void {
    this.socket.destroy();
  }
}
