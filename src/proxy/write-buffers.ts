/** The buffers in which one worker composes what it writes. There is one of each, because none is in use across loop turns. */
import { Splice } from '../http/splice.ts';
import { HeadWriter } from '../http/writer.ts';
import type { Net } from '../net/socket.ts';
import { FrameBatch } from './client/frame-batch.ts';
import { WriteBatch } from './client/write-batch.ts';
import { RequestBatch } from './server/request-batch.ts';

/** Room for a head and a small body in one write. */
const bufferBytes = 64 * 1024;

export class WriteBuffers {
  /** A request that is written at once. */
  readonly toServer = new HeadWriter(bufferBytes);
  /** Requests that are written together when the loop turn ends. */
  readonly requests: RequestBatch;
  /** The response that gathers until it is flushed. */
  readonly toClient = new WriteBatch(bufferBytes);
  /** Frames of HTTP/2 that are written together when the loop turn ends. */
  readonly frames: FrameBatch;
  /** Changes to a response's head on its way to the client. */
  readonly responseEdit = new Splice();

  constructor(net: Pick<Net, 'afterTurn'>) {
    this.requests = new RequestBatch(net);
    this.frames = new FrameBatch(net);
  }
}
