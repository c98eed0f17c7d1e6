/**
 * Who waits for a place on a server of one pool, in order. The number that waits counts over all workers (fleet/load.ts), so
 * that the bound holds for all of them together, and each worker is offered its share of the places that become free.
 *
 *      wait ──> waiting ── a place is free, or states have changed ──> onRoom: asks again where to go, and may wait again
 *                  └────── stopWaiting: timed out, or the client has gone
 */
import type { Fleet } from '../../fleet/fleet.ts';
import type { Server } from '../../fleet/server.ts';

export interface Waiter {
  /** There may be a place. It waits no longer. */
  onRoom(): void;
}

export interface QueueOptions {
  /** Most that wait, over all workers. */
  readonly max: number;
  readonly fleet: Pick<Fleet, 'load' | 'slot' | 'servers'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** There is room at a server, and exchanges of other workers wait for it. */
  readonly announceRoom: () => void;
}

export class Queue {
  private readonly options: QueueOptions;
  /** In order of arrival, with the server that each waits for; null: any. */
  private readonly waiters = new Map<Waiter, Server | null>();

  constructor(options: QueueOptions) {
    this.options = options;
  }

  /** False when the queue is full. */
  wait(waiter: Waiter, server: Server | null): boolean {
    const { fleet, max } = this.options;
    if (fleet.load.waiting(fleet.slot) >= max) return false;
    this.waiters.set(waiter, server);
    fleet.load.wait(fleet.slot, 1);
    return true;
  }

  /** Nothing happens when it does not wait. */
  stopWaiting(waiter: Waiter): void {
    const { fleet } = this.options;
    if (this.waiters.delete(waiter)) fleet.load.wait(fleet.slot, -1);
  }

  /** A place on the server has become free. */
  offer(server: Server): void {
    const { fleet, random, announceRoom } = this.options;
    const waiting = fleet.load.waiting(fleet.slot);
    if (waiting === 0) return;
    // Each worker is offered as many of the places as its share of those who wait.
    if (this.waiters.size > random() * waiting) this.fill(server);
    else announceRoom();
  }

  /** To be called when another worker has announced room, and at intervals: that message may have come before the waiting began. */
  lookForRoom(): void {
    if (this.waiters.size === 0) return;
    for (const server of this.options.fleet.servers) if (server.hasRoom) this.fill(server);
  }

  /**
   * As long as the server has room, the first that waits for it, or for any, is offered the place. One that is offered it may go
   * elsewhere, or wait again: then it is the next one's.
   */
  fill(server: Server): void {
    for (let offers = this.waiters.size; offers > 0 && server.hasRoom; offers--) {
      const waiter = this.firstFor(server);
      if (waiter === undefined) return;
      this.call(waiter);
    }
  }

  /** States have changed: whoever waits asks again, in order. */
  wake(): void {
    this.callAll([...this.waiters.keys()]);
  }

  /** Servers have left the pool: those that wait for one of them ask again. The others keep their places. */
  wakeForRemoved(): void {
    const waiters: Waiter[] = [];
    for (const [waiter, server] of this.waiters) if (server?.removed === true) waiters.push(waiter);
    this.callAll(waiters);
  }

  private firstFor(server: Server): Waiter | undefined {
    for (const [waiter, wanted] of this.waiters) if (wanted === null || wanted === server) return waiter;
    return undefined;
  }

  private callAll(waiters: readonly Waiter[]): void {
    // What one of them does may have ended the waiting of another.
    for (const waiter of waiters) if (this.waiters.has(waiter)) this.call(waiter);
  }

  private call(waiter: Waiter): void {
    this.stopWaiting(waiter);
    waiter.onRoom();
  }
}
