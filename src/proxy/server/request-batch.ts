/**
 * Connections with requests that are written when the loop turn ends: a server on this machine is then woken once for all requests of
 * the turn. Each of these connections composes its requests in a writer of its own, which is reused.
 */
import { HeadWriter } from '../../http/writer.ts';
import type { Net } from '../../net/socket.ts';

export interface BatchedConnection {
  /** The loop turn is over. */
  writeGathered(): void;
}

/** Initial room for the heads of one connection. A writer that has grown beyond the second figure is not kept for reuse. */
const writerBytes = 2 * 1024;
const maxKeptWriterBytes = 64 * 1024;
/** Writers kept for reuse. */
const maxSpareWriters = 64;

export class RequestBatch {
  private readonly net: Pick<Net, 'afterTurn'>;
  private readonly connections: BatchedConnection[] = [];
  private readonly spareWriters: HeadWriter[] = [];

  constructor(net: Pick<Net, 'afterTurn'>) {
    this.net = net;
  }

  /** Calls `writeGathered` of the connection at the end of this loop turn. */
  add(connection: BatchedConnection): void {
    if (this.connections.push(connection) === 1) this.net.afterTurn(this.writeAll);
  }

  private readonly writeAll = (): void => {
    const { connections } = this;
    for (let i = 0; i < connections.length; i++) connections[i]?.writeGathered();
    connections.length = 0;
  };

  takeWriter(): HeadWriter {
    return this.spareWriters.pop() ?? new HeadWriter(writerBytes);
  }

  returnWriter(writer: HeadWriter): void {
    writer.clear();
    const { spareWriters } = this;
    if (spareWriters.length < maxSpareWriters && writer.bytes.length <= maxKeptWriterBytes) spareWriters.push(writer);
  }
}
