/**
 * The end of a connection whose message broke off, where only the end of the connection tells whether the message is complete. The peer
 * gets all that was written, and then a reset. A reset at once would throw away what the kernel still holds for a slow reader, and a
 * FIN would pass for a regular end.
 */
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../time/wheel.ts';
import type { WorkerContext } from './worker-context.ts';

/** The kernel's send queue is checked after this time, and then after twice the time each, up to the second figure. */
const firstCheckMs = 100;
const maxCheckMs = 1000;
/** Where the kernel does not tell what it holds, it gets this long to send it. */
const unknownQueueMs = 2000;

export class DelayedReset implements SocketHandler, DeadlineOwner {
  private readonly worker: WorkerContext;
  private readonly socket: Socket;
  private readonly stallTimeoutMs: number;
  private readonly onClosed: () => void;
  private readonly deadline = new Deadline(this);
  private checkMs = firstCheckMs;
  /** Bytes that the peer had not taken at the last check. */
  private undelivered = Number.POSITIVE_INFINITY;
  /** Wheel time at which the peer took something. */
  private progressAt: number;

  /**
   * Becomes the socket's handler. A peer that takes nothing for `stallTimeoutMs` counts as gone. `onClosed` is called once, when the
   * socket is closed.
   */
  constructor(worker: WorkerContext, socket: Socket, stallTimeoutMs: number, onClosed: () => void) {
    this.worker = worker;
    this.socket = socket;
    this.stallTimeoutMs = stallTimeoutMs;
    this.onClosed = onClosed;
    this.progressAt = worker.wheel.now;
    socket.handler = this;
    // What the peer still sends is ignored, but it has to be read, because its end comes behind it.
    socket.resume();
    worker.wheel.set(this.deadline, firstCheckMs);
  }

  onData(): void {}
  onDrain(): void {}
  onEnd(): void {}

  onClose(): void {
    this.worker.wheel.cancel(this.deadline);
    this.onClosed();
  }

  onDeadline(): void {
    const { worker, socket } = this;
    const { now } = worker.wheel;
    const inKernel = worker.sendQueues.heldFor(socket.descriptor);
    const isKnown = inKernel >= 0;
    const undelivered = socket.pending + Math.max(0, inKernel);
    if (undelivered < this.undelivered) {
      this.undelivered = undelivered;
      this.progressAt = now;
    }
    const isBlind = !isKnown && socket.pending === 0;
    const timeoutMs = isBlind ? Math.min(unknownQueueMs, this.stallTimeoutMs) : this.stallTimeoutMs;
    if ((isKnown && undelivered === 0) || now - this.progressAt >= timeoutMs) {
      socket.destroy();
      return;
    }
    this.checkMs = Math.min(maxCheckMs, 2 * this.checkMs);
    worker.wheel.set(this.deadline, this.checkMs);
  }
}
