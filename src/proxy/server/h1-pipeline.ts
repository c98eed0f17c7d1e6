/**
 * The requests that have been sent on one connection behind the one whose response is read (RFC 9112 section 9.3.2):
 *
 *      [ current ] <── next ── [ first | second | ... ] <── push
 *                                       └── requeue: all of them are sent again, on other connections
 *
 * After `requeue` the responses to them may still come. Nobody reads those, so the connection ends with the current response.
 */
import type { Server } from '../../fleet/server.ts';
import { counter } from '../../metrics/counters.ts';
import type { Deadline } from '../../time/wheel.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { PipeliningGuard } from './pipelining-guard.ts';
import type { ResponseHandler } from './response-handler.ts';

/** Requests wait this long for the response before theirs. */
const maxWaitMs = 200;

/** What it needs of the pool. */
export interface PipelineOwner {
  pipeliningGuardOf(server: Server): PipeliningGuard;
}

export class Pipeline {
  /** Requests may be pushed behind the one that was gathered first. */
  isOpen = false;
  /** `requeue` has taken requests that were sent. Terminal. */
  wasRequeued = false;
  private waiting: ResponseHandler[] = [];
  private readonly worker: WorkerContext;
  private readonly pool: PipelineOwner;
  private readonly server: Server;
  private readonly deadline: Deadline;

  /** `deadline` is set while requests wait. */
  constructor(worker: WorkerContext, pool: PipelineOwner, server: Server, deadline: Deadline) {
    this.worker = worker;
    this.pool = pool;
    this.server = server;
    this.deadline = deadline;
  }

  get length(): number {
    return this.waiting.length;
  }

  /** Responses to other requests may come behind the current one. */
  get hasOthers(): boolean {
    return this.wasRequeued || this.waiting.length > 0;
  }

  push(handler: ResponseHandler): void {
    const { wheel, counters } = this.worker;
    if (this.waiting.length === 0) wheel.set(this.deadline, maxWaitMs);
    this.waiting.push(handler);
    counters.add(counter.upstream_pipelined);
  }

  /** The current response, with a body of so many bytes, is complete. Whose is the next one? undefined: no request waits. */
  next(bodyBytes: number): ResponseHandler | undefined {
    const { waiting } = this;
    if (waiting.length === 0) return undefined;
    this.pool.pipeliningGuardOf(this.server).onResponse(bodyBytes);
    const handler = waiting.shift();
    this.worker.wheel.set(this.deadline, waiting.length > 0 ? maxWaitMs : 0);
    return handler;
  }

  /** Nothing happens if `handler` does not wait. */
  replace(handler: ResponseHandler, by: ResponseHandler): void {
    const i = this.waiting.indexOf(handler);
    if (i >= 0) this.waiting[i] = by;
  }

  /** All that wait are sent again elsewhere, and no other goes behind the current one. False: none waits. */
  requeue(): boolean {
    const { waiting } = this;
    this.isOpen = false;
    if (waiting.length === 0) return false;
    this.waiting = [];
    this.wasRequeued = true;
    this.pool.pipeliningGuardOf(this.server).onRequeue();
    this.worker.counters.add(counter.upstream_requeued, waiting.length);
    for (const handler of waiting) handler.onRequeued();
    return true;
  }
}
