/**
 * Writes the requests of one HTTP/1.1 connection, each at once or together with others when the loop turn ends:
 *
 *      begin ── send ── sendData ... finish         its head, and its body as it comes
 *        └───── gather, gather ... writeGathered    complete requests, one behind the other in one write
 *
 * A server that is woken by the first request of a write is still awake for the others, and to wake it is most of what a write costs.
 */
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { BatchedConnection, RequestBatch } from './request-batch.ts';
import type { SentBody } from './server-connection.ts';

/** A piece of a body up to this size leaves in one write with what comes before it. */
const maxJoinedBytes = 32 * 1024;

export class RequestWriter {
  /** All of the current request has been given to `send`, `appendBody` or `finish`. */
  isComplete = false;
  private readonly socket: Socket;
  private readonly batch: RequestBatch;
  /** The body goes out in chunks. */
  private isChunked = false;
  /** Requests of this loop turn that have not been written yet. */
  private gathered: HeadWriter | null = null;

  constructor(socket: Socket, batch: RequestBatch) {
    this.socket = socket;
    this.batch = batch;
  }

  begin(isChunked: boolean): void {
    this.isChunked = isChunked;
    this.isComplete = false;
  }

  get isUnwritten(): boolean {
    return this.gathered !== null;
  }

  /** A writer for a complete request. `connection` is asked for `writeGathered` when the loop turn ends. */
  gather(connection: BatchedConnection): HeadWriter {
    if (this.gathered !== null) return this.gathered;
    const out = this.batch.takeWriter();
    this.gathered = out;
    this.batch.add(connection);
    return out;
  }

  /** `isOpen`: the connection has not ended meanwhile. */
  writeGathered(isOpen: boolean): void {
    const { gathered } = this;
    if (gathered === null) return;
    this.gathered = null;
    if (isOpen) this.socket.writeCopy(gathered.bytes, gathered.length);
    this.batch.returnWriter(gathered);
  }

  /** Writes the head in `out`, and what has come of the body, in as few writes as can be. */
  send(out: HeadWriter, body: SentBody): boolean {
    this.appendBody(body, out);
    return this.socket.writeCopy(out.bytes, out.length);
  }

  /** Puts what has come of the body behind the head in `out`. */
  appendBody(body: SentBody, out: HeadWriter): void {
    for (const piece of body.held) this.append(piece, out);
    this.isComplete = body.ended;
    if (body.ended && this.isChunked) appendEnd(body.trailers, out);
  }

  sendData(piece: Buffer, out: HeadWriter): boolean {
    if (!this.isChunked) return this.socket.write(piece);
    out.clear();
    this.append(piece, out);
    return this.socket.writeCopy(out.bytes, out.length);
  }

  finish(trailers: Buffer | null, out: HeadWriter): void {
    this.isComplete = true;
    if (!this.isChunked) return;
    out.clear();
    appendEnd(trailers, out);
    this.socket.writeCopy(out.bytes, out.length);
  }

  private append(piece: Buffer, out: HeadWriter): void {
    if (this.isChunked) out.text(`${piece.length.toString(16)}\r\n`);
    if (piece.length <= maxJoinedBytes) out.copy(piece, 0, piece.length);
    else {
      this.socket.writeCopy(out.bytes, out.length);
      out.clear();
      this.socket.write(piece);
    }
    if (this.isChunked) out.text('\r\n');
  }
}

function appendEnd(trailers: Buffer | null, out: HeadWriter): void {
  out.text('0\r\n');
  if (trailers !== null) out.copy(trailers, 0, trailers.length);
  out.text('\r\n');
}
