/**
 * The end of a connection to a server whose request broke off: the server gets all of it that came, and then our FIN, which the
 * framing of the request tells from a regular end. A reset would make it throw away what it has not read yet.
 */
import type { Socket, SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../../time/wheel.ts';

/** A server that takes nothing, or does not end its side, for so long (ms) is reset. */
const patience = 30_000;

export class DelayedEnd implements SocketHandler, DeadlineOwner {
  private readonly socket: Socket;
  private readonly wheel: Wheel;
  private readonly deadline = new Deadline(this);

  /** Takes the socket over. */
  constructor(wheel: Wheel, socket: Socket) {
    this.wheel = wheel;
    this.socket = socket;
    socket.handler = this;
    // What the server says is for nobody, but its end has to be heard.
    socket.resume();
    socket.end();
    wheel.set(this.deadline, patience);
  }

  onData(): void {}

  onDrain(): void {
    this.wheel.set(this.deadline, patience);
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
