/**
 * The buffer in which a response gathers until it is written. One buffer serves all clients of a worker, because it is hardly ever in
 * use: it holds the bytes of one connection at a time, its owner. While one response gathers, another may begin at any moment (a
 * pipelined request is refused, a place in a queue becomes free, a connection breaks): then what is in the buffer is written first.
 * Only its owner can drop it (I7).
 */
import { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';

export class WriteBatch {
  private readonly out: HeadWriter;
  private owner: Socket | null = null;

  /** `size`: bytes of room at first. */
  constructor(size: number) {
    this.out = new HeadWriter(size);
  }

  /** The buffer, which holds nothing but what has gathered for this connection. */
  of(socket: Socket): HeadWriter {
    if (this.owner !== socket) {
      if (this.owner !== null) this.flush(this.owner);
      this.owner = socket;
    }
    return this.out;
  }

  /** Writes what has gathered for this connection. False: the socket buffers bytes. */
  flush(socket: Socket): boolean {
    const { out } = this;
    if (this.owner !== socket || out.length === 0) return socket.pending === 0;
    const hasRoom = socket.writeCopy(out.bytes, out.length);
    out.clear();
    return hasRoom;
  }

  /** Drops what has gathered for this connection. Returns how many bytes that were. */
  drop(socket: Socket): number {
    if (this.owner !== socket) return 0;
    const { length } = this.out;
    this.out.clear();
    return length;
  }
}
