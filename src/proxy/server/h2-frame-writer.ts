/**
 * What one HTTP/2 connection to a server has to say: the frames of one loop turn leave in one write, and streams with DATA take turns. While
 * the kernel does not take what was written, DATA waits.
 */
import { SendTurns } from '../../http/h2/send-turns.ts';
import { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { BatchedConnection, RequestBatch } from './request-batch.ts';

/** Waits until what it had kept has been written. */
export interface DrainedWriter {
  drained(): void;
}

/** DATA of one write, and in one turn of a stream. */
const maxWriteBytes = 256 * 1024;
const turnBytes = 16 * 1024;
const usualBytes = 2 * 1024;
/** A buffer that has grown beyond this is not kept. */
const maxKeptBytes = 64 * 1024;

export class H2FrameWriter implements BatchedConnection {
  /** What the protocol writes into. */
  readonly out = new HeadWriter(usualBytes);
  readonly turns = new SendTurns();
  /** Writes to the socket so far. */
  writes = 0;
  private readonly socket: Socket;
  private readonly batch: RequestBatch;
  private isScheduled = false;
  private isClosed = false;
  private written: DrainedWriter[] = [];

  constructor(socket: Socket, batch: RequestBatch) {
    this.socket = socket;
    this.batch = batch;
  }

  /** What has been written into `out`, or waits for its turn, leaves when the loop turn ends. */
  schedule(): void {
    if (this.isScheduled || this.isClosed) return;
    this.isScheduled = true;
    this.batch.add(this);
  }

  writeGathered(): void {
    const { socket, out, turns } = this;
    this.isScheduled = false;
    if (this.isClosed) return;
    const mayWriteData = socket.pending === 0;
    if (mayWriteData) turns.run(maxWriteBytes, turnBytes);
    this.flush();
    // With room for more in the kernel, the next write follows at once.
    if (mayWriteData && socket.pending === 0) this.resume();
    if (this.written.length > 0) for (const writer of this.written.splice(0)) writer.drained();
    if (out.bytes.length > maxKeptBytes && out.length === 0) out.bytes = Buffer.allocUnsafeSlow(usualBytes);
  }

  flush(): void {
    const { out } = this;
    if (out.length === 0 || this.isClosed) return;
    this.writes++;
    this.socket.writeCopy(out.bytes, out.length);
    out.clear();
  }

  /** There is room again, in a window or in the kernel. */
  resume(): void {
    if (!this.turns.isEmpty) this.schedule();
  }

  /** `drained` of the writer is called behind the write that takes the last of what it has kept. */
  onWritten(writer: DrainedWriter): void {
    this.written.push(writer);
  }

  /** Nothing is written any more. */
  close(): void {
    this.isClosed = true;
  }
}
