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

/** Initial room for the heads of one connection. */
const writerBytes = 2 * 1024;
/** Of all writers that are kept for reuse. */
const maxSpareBytes = 4 * 1024 * 1024;

export class RequestBatch {
  private readonly net: Pick<Net, 'afterTurn'>;
  private readonly connections: BatchedConnection[] = [];
  private readonly spareWriters: HeadWriter[] = [];
  private spareBytes = 0;

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
    const writer = this.spareWriters.pop();
    if (writer === undefined) return new HeadWriter(writerBytes);
    this.spareBytes -= writer.bytes.length;
    return writer;
  }

  returnWriter(writer: HeadWriter): void {
    const { length } = writer.bytes;
    if (this.spareBytes + length > maxSpareBytes) return;
    writer.clear();
    this.spareBytes += length;
    this.spareWriters.push(writer);
  }
}
