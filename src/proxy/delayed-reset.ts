/**
 * The end of a connection that broke on its other side, where only its end tells whether what was sent is whole: the peer gets
 * all that was written, and then a reset. A reset before that would throw away what the kernel holds for a slow reader, and a
 * FIN would pass for a regular end.
 */
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../time/wheel.ts';
import type { WorkerContext } from './worker-context.ts';

/** Looks at the kernel's queue, each after twice the time (ms) of the one before. */
const firstLook = 100;
const longestWait = 1000;
/** Where nobody tells of that queue, it gets so long (ms) to empty. */
const blindTime = 2000;

export class DelayedReset implements SocketHandler, DeadlineOwner {
  private readonly worker: WorkerContext;
  private readonly socket: Socket;
  /** Ms without a byte taken after which the peer counts as gone. */
  private readonly patience: number;
  private readonly onGone: () => void;
  private readonly deadline = new Deadline(this);
  private wait = firstLook;
  private left = Number.POSITIVE_INFINITY;
  /** Wheel time at which the peer took something. */
  private movedAt: number;

  /** Takes the socket over. `onGone`: once, when it is closed. */
  constructor(worker: WorkerContext, socket: Socket, patience: number, onGone: () => void) {
    this.worker = worker;
    this.socket = socket;
    this.patience = patience;
    this.onGone = onGone;
    this.movedAt = worker.wheel.now;
    socket.handler = this;
    // What it still says is thrown away, and so its leaving is heard.
    socket.resume();
    worker.wheel.set(this.deadline, firstLook);
  }

  onData(): void {}
  onDrain(): void {}
  onEnd(): void {}

  onClose(): void {
    this.worker.wheel.cancel(this.deadline);
    this.onGone();
  }

  onDeadline(): void {
    const { worker, socket } = this;
    const { now } = worker.wheel;
    const held = worker.sendQueues.heldFor(socket.descriptor);
    const left = socket.pending + Math.max(0, held);
    if (left < this.left) {
      this.left = left;
      this.movedAt = now;
    }
    const patience = held < 0 && socket.pending === 0 ? Math.min(blindTime, this.patience) : this.patience;
    if ((left === 0 && held === 0) || now - this.movedAt >= patience) {
      socket.destroy();
      return;
    }
    this.wait = Math.min(longestWait, 2 * this.wait);
    worker.wheel.set(this.deadline, this.wait);
  }
}
