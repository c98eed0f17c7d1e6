/**
 * Writes one request as a stream of an HTTP/2 connection: its head as HEADERS, its body as DATA as far as the windows allow, its trailers as
 * HEADERS again. What cannot be sent yet is kept, and the exchange is told to wait:
 *
 *      send ── sendData ... finish
 *        └── pieces ──> [ kept: at most `roomyBytes` before the exchange waits ] ── sendTurn, in turn with other streams ──> DATA
 */
import { writeLines, writeNoTable } from '../../http/h2/hpack/encoder.ts';
import type { Protocol } from '../../http/h2/protocol.ts';
import type { TurnTaker } from '../../http/h2/send-turns.ts';
import { writeConnectBlock, writeRequestBlock } from '../../http/h2/server-fields.ts';
import type { Stream } from '../../http/h2/streams.ts';
import type { HeadWriter } from '../../http/writer.ts';
import { keepable } from '../../net/socket.ts';
import type { H2FrameWriter } from './h2-frame-writer.ts';
import type { SentBody } from './server-connection.ts';

/** What it needs of the connection. */
export interface RequestWriterOwner {
  readonly protocol: Protocol;
  readonly frames: H2FrameWriter;
  readonly isSecure: boolean;
  /** True once: the block that is written now is the first one of the connection. */
  isFirstBlock(): boolean;
  addBuffered(bytes: number): void;
}

/** So much may be kept of a request before its client has to wait. */
const roomyBytes = 32 * 1024;
const noBytes = Buffer.alloc(0);

export class H2RequestWriter implements TurnTaker {
  nextTurn: TurnTaker | null = null;
  previousTurn: TurnTaker | null = null;
  private readonly owner: RequestWriterOwner;
  /** Called when all that was kept has been written, after a call that has returned false. */
  private readonly onDrain: () => void;
  private stream: Stream | null = null;
  /** Of the body, not written yet; the first `offset` bytes of the first piece are. */
  private pieces: Buffer[] = [];
  private offset = 0;
  keptBytes = 0;
  /** All of the request has been given to `send` and `finish`. */
  hasEnded = false;
  private trailers: Buffer | null = null;
  /** The exchange waits for `onDrain`. */
  private isAwaited = false;

  constructor(owner: RequestWriterOwner, onDrain: () => void) {
    this.owner = owner;
    this.onDrain = onDrain;
  }

  /** Opens a tunnel by an extended CONNECT, made of the upgrade in `text`. */
  sendConnect(stream: Stream, text: HeadWriter): void {
    const { protocol, frames, isSecure } = this.owner;
    const { out } = frames;
    this.stream = stream;
    const frame = protocol.beginHeaders(stream, false);
    if (this.owner.isFirstBlock()) writeNoTable(out);
    writeConnectBlock(text.bytes, 0, text.length, isSecure, out);
    protocol.endHeaders(stream, frame, false);
    this.owner.frames.schedule();
  }

  /** Writes the head, which stands in `text` as HTTP/1.1 has it, and what has come of the body. False: wait for `onDrain`. */
  send(stream: Stream, text: HeadWriter, body: SentBody): boolean {
    const { protocol, frames, isSecure } = this.owner;
    const { out } = frames;
    this.stream = stream;
    const isWhole = body.ended && body.held.length === 0 && body.trailers === null;
    const frame = protocol.beginHeaders(stream, isWhole);
    if (this.owner.isFirstBlock()) writeNoTable(out);
    // Trailers are passed on to every client that can get some, so they are always asked for (RFC 9110 section 10.1.4).
    writeRequestBlock(text.bytes, 0, text.length, isSecure, true, out);
    protocol.endHeaders(stream, frame, isWhole);
    this.hasEnded = isWhole;
    for (const piece of body.held) this.keep(piece);
    if (body.ended && !isWhole) this.finish(body.trailers);
    this.owner.frames.schedule();
    return this.hasRoom();
  }

  /** False: wait for `onDrain`. */
  sendData(piece: Buffer): boolean {
    this.keep(piece);
    this.owner.frames.schedule();
    return this.hasRoom();
  }

  finish(trailers: Buffer | null): void {
    this.hasEnded = true;
    this.trailers = trailers;
    if (this.keptBytes === 0) this.writeEnd();
    this.owner.frames.schedule();
  }

  /** The windows of the stream, or of the connection, may have room. */
  onWindow(): void {
    if (this.keptBytes > 0) this.owner.frames.turns.add(this);
  }

  sendTurn(maxBytes: number): number {
    const { stream, pieces, owner } = this;
    const piece = pieces[0];
    if (stream === null || piece === undefined) return 0;
    const { offset } = this;
    const isLast = pieces.length === 1 && this.hasEnded && this.trailers === null;
    const end = Math.min(piece.length, offset + maxBytes);
    const after = owner.protocol.sendData(stream, piece, offset, end, isLast && end === piece.length);
    const sent = after - offset;
    this.addKept(-sent);
    this.offset = after;
    if (after < piece.length) return sent;
    pieces.shift();
    this.offset = 0;
    if (this.keptBytes === 0) this.onAllWritten(isLast);
    return sent;
  }

  /** `isLast`: END_STREAM went with the last piece. */
  private onAllWritten(isLast: boolean): void {
    if (this.hasEnded && !isLast) this.writeEnd();
    if (!this.isAwaited) return;
    this.isAwaited = false;
    this.owner.frames.onWritten(this);
  }

  /** `onDrain` is to be called when all that is kept has been written. */
  awaitWritten(): void {
    this.isAwaited = true;
  }

  /** To be called when the connection has sent what `onWritten` was about. */
  drained(): void {
    this.onDrain();
  }

  /** The stream is over: nothing of the rest is sent. */
  drop(): void {
    this.owner.frames.turns.remove(this);
    this.addKept(-this.keptBytes);
    this.pieces = [];
    this.stream = null;
    this.isAwaited = false;
  }

  private keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.pieces.push(keepable(piece, 8));
    this.addKept(piece.length);
    this.owner.frames.turns.add(this);
  }

  private addKept(bytes: number): void {
    if (bytes === 0) return;
    this.keptBytes += bytes;
    this.owner.addBuffered(bytes);
  }

  private hasRoom(): boolean {
    if (this.keptBytes <= roomyBytes) return true;
    this.isAwaited = true;
    return false;
  }

  private writeEnd(): void {
    const { stream, trailers, owner } = this;
    if (stream?.maySend !== true) return;
    if (trailers === null) {
      owner.protocol.sendData(stream, noBytes, 0, 0, true);
      return;
    }
    const frame = owner.protocol.beginHeaders(stream, true);
    writeLines(trailers, 0, trailers.length, owner.frames.out);
    owner.protocol.endHeaders(stream, frame, true);
  }
}
