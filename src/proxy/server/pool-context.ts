/** What the connections to the servers of one pool share, beside what the whole worker shares. */
import { type HeadLimits, ResponseHead } from '../../http/head.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { RequestBatch } from './request-batch.ts';

export class PoolContext {
  readonly worker: WorkerContext;
  readonly requests: RequestBatch;
  /** The response head that is being read. Nothing keeps it across two reads of a socket. */
  readonly responseHead: ResponseHead;
  /** Largest head in bytes. */
  readonly maxHeadBytes: number;

  constructor(worker: WorkerContext, requests: RequestBatch, limits: HeadLimits) {
    this.worker = worker;
    this.requests = requests;
    this.responseHead = new ResponseHead(limits);
    this.maxHeadBytes = limits.headBytes;
  }
}
