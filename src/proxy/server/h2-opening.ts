/**
 * An HTTP/2 connection to a server that is being made, and the requests that wait for it:
 *
 *      opening ── connected ──> each that waits gets a place ─┐
 *         ├────── failed, or not made in time ────────────────┼──> over
 *         └────── nobody waits any more: cancelled ───────────┘
 */
import { type Fault, serverFaults } from '../../errors.ts';
import type { Server } from '../../fleet/server.ts';
import type { Connecting } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner, type Wheel } from '../../time/wheel.ts';
import type { ConnectListener } from './connector.ts';
import type { H2ServerConnection } from './h2-connection.ts';

export interface OpeningOwner {
  /** Its places have changed, or it is over. */
  onOpeningChange(opening: H2Opening): void;
}

export class H2Opening implements ConnectListener<H2ServerConnection>, DeadlineOwner {
  readonly server: Server;
  isOver = false;
  private readonly owner: OpeningOwner;
  private readonly wheel: Wheel;
  private readonly timeoutMs: number;
  private readonly maxWaiting: number;
  private readonly deadline = new Deadline(this);
  /** In order. */
  private readonly waiting = new Set<ConnectListener>();
  private connecting: Connecting | null = null;

  constructor(owner: OpeningOwner, server: Server, wheel: Wheel, timeoutMs: number, maxWaiting: number) {
    this.owner = owner;
    this.server = server;
    this.wheel = wheel;
    this.timeoutMs = timeoutMs;
    this.maxWaiting = maxWaiting;
  }

  start(begin: (listener: ConnectListener<H2ServerConnection>) => Connecting): void {
    // Those that join later wait for less than their own time-out: one that never opens must not go on for ever.
    this.wheel.set(this.deadline, this.timeoutMs);
    this.connecting = begin(this);
  }

  /** Requests that may still join. */
  get places(): number {
    return this.isOver ? 0 : Math.max(0, this.maxWaiting - this.waiting.size);
  }

  join(listener: ConnectListener): Connecting {
    this.waiting.add(listener);
    return { cancel: () => this.leave(listener) };
  }

  private leave(listener: ConnectListener): void {
    if (!this.waiting.delete(listener) || this.isOver) return;
    if (this.waiting.size === 0) {
      this.end();
      this.connecting?.cancel();
    } else this.owner.onOpeningChange(this);
  }

  onConnected(connection: H2ServerConnection): void {
    const waiting = this.end();
    for (const listener of waiting) {
      // What an earlier one of them did may have taken another one away.
      if (!this.waiting.delete(listener)) continue;
      if (connection.places > 0) listener.onConnected(connection.take());
      else listener.onConnectFailed(serverFaults.streamRefused);
    }
  }

  onConnectFailed(fault: Fault): void {
    const waiting = this.end();
    for (const listener of waiting) if (this.waiting.delete(listener)) listener.onConnectFailed(fault);
  }

  onDeadline(): void {
    this.connecting?.cancel();
    this.onConnectFailed(serverFaults.connectTimeout);
  }

  private end(): ConnectListener[] {
    this.isOver = true;
    this.wheel.cancel(this.deadline);
    this.owner.onOpeningChange(this);
    return [...this.waiting];
  }
}
