/**
 * The buffer in which an answer gathers until it is written. One serves all clients of a worker, because it is hardly ever in
 * use: it holds the bytes of one connection at a time, and knows of which. While one answer gathers, another may begin at any
 * moment (a request behind it is refused, a place becomes free, a connection breaks): what is there is written first, and
 * nobody but its owner can drop it (I7).
 */
import { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';

export class WriteBatch {
  private readonly out: HeadWriter;
  private owner: Socket | null = null;

  constructor(size: number) {
    this.out = new HeadWriter(size);
  }

  /** The buffer, with nothing in it but what has gathered for this connection. */
  of(socket: Socket): HeadWriter {
    if (this.owner !== socket) {
      if (this.owner !== null) this.flush(this.owner);
      this.owner = socket;
    }
    return this.out;
  }

  /** Writes what has gathered for this connection. False: the socket keeps bytes. */
  flush(socket: Socket): boolean {
    const { out } = this;
    if (this.owner !== socket || out.length === 0) return socket.pending === 0;
    const room = socket.writeCopy(out.bytes, out.length);
    out.clear();
    return room;
  }

  /** Forgets what has gathered for this connection: so many bytes. */
  drop(socket: Socket): number {
    if (this.owner !== socket) return 0;
    const { length } = this.out;
    this.out.clear();
    return length;
  }
}
