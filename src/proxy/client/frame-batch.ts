/**
 * HTTP/2 connections with frames that are written when the loop turn ends: what all streams of a connection have to say in one turn leaves
 * in one write. A connection has a buffer for that only as long as something is in it.
 */
import type { Net } from '../../net/socket.ts';

export interface FrameConnection {
  /** The loop turn is over. */
  writeFrames(): void;
}

/** A new buffer. */
const bufferBytes = 4 * 1024;
/** Of all buffers that are kept for reuse. */
const maxSpareBytes = 4 * 1024 * 1024;

export class FrameBatch {
  private readonly net: Pick<Net, 'afterTurn'>;
  private connections: FrameConnection[] = [];
  /** Empty, or the list of the turn before. */
  private others: FrameConnection[] = [];
  private readonly spare: Buffer[] = [];
  private spareBytes = 0;

  constructor(net: Pick<Net, 'afterTurn'>) {
    this.net = net;
  }

  /** Calls `writeFrames` of the connection at the end of this loop turn. */
  add(connection: FrameConnection): void {
    if (this.connections.push(connection) === 1) this.net.afterTurn(this.writeAll);
  }

  /** A connection that is added meanwhile has its turn after the next one: others must be read in between. */
  private readonly writeAll = (): void => {
    const { connections } = this;
    this.connections = this.others;
    this.others = connections;
    for (let i = 0; i < connections.length; i++) connections[i]?.writeFrames();
    connections.length = 0;
  };

  takeBuffer(): Buffer {
    const buffer = this.spare.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(bufferBytes);
    this.spareBytes -= buffer.length;
    return buffer;
  }

  returnBuffer(buffer: Buffer): void {
    if (this.spareBytes + buffer.length > maxSpareBytes) return;
    this.spareBytes += buffer.length;
    this.spare.push(buffer);
  }
}
