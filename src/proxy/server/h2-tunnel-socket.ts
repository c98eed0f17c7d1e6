/**
 * A stream to a server as a bare connection, for a tunnel (RFC 8441 section 5): what is written is DATA, its FIN is END_STREAM, its reset is
 * RST_STREAM. To pause it holds its window back; what the window has allowed already still comes.
 *
 *      open ── end of both sides, or `close` and everything written ──> closed
 *        └──── `destroy`, or the stream is reset or lost ────────────────^
 */
import { ErrorCode } from '../../http/h2/errors.ts';
import { nobody, type Socket, type SocketHandler } from '../../net/socket.ts';
import type { H2RequestWriter } from './h2-request-writer.ts';

/** The stream. */
export interface TunnelStream {
  readonly writer: H2RequestWriter;
  /** So many bytes of DATA have gone on. */
  consume(bytes: number): void;
  /** It is over; RST_STREAM has this code, if it is not closed yet. */
  end(code: number): void;
}

export class H2TunnelSocket implements Socket {
  handler: SocketHandler = nobody;
  readonly remoteAddress: string;
  /** The kernel's queue is that of the connection, which says nothing of one stream. */
  readonly descriptor = -1;
  readonly secure: boolean;
  readonly tls = null;
  private readonly stream: TunnelStream;
  private isPaused = false;
  /** Bytes that hold the window back. */
  private heldBack = 0;
  private hasPeerEnded = false;
  /** It closes once everything is written. */
  private isClosing = false;
  private isClosed = false;

  constructor(stream: TunnelStream, { remoteAddress, secure }: Pick<Socket, 'remoteAddress' | 'secure'>) {
    this.stream = stream;
    this.remoteAddress = remoteAddress;
    this.secure = secure;
  }

  get pending(): number {
    return this.isClosed ? 0 : this.stream.writer.keptBytes;
  }

  // What the tunnel calls.

  write(chunk: Uint8Array): boolean {
    if (this.isClosed) return true;
    return this.stream.writer.sendData(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(Buffer.from(bytes.subarray(0, length)));
  }

  end(): void {
    if (this.isClosed || this.stream.writer.hasEnded) return;
    this.stream.writer.finish(null);
    this.closeIfOver();
  }

  close(): void {
    this.isClosing = true;
    this.end();
    this.closeIfOver();
  }

  destroy(): void {
    this.closed(ErrorCode.cancel, null);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    if (this.heldBack === 0 || this.isClosed) return;
    this.stream.consume(this.heldBack);
    this.heldBack = 0;
  }

  /** What it buffers is charged to the connection. */
  charge(): void {}

  // What the stream tells.

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.isPaused) this.heldBack += end - start;
    else this.stream.consume(end - start);
    this.handler.onData(bytes.subarray(start, end));
  }

  onWritten(): void {
    if (this.isClosed) return;
    if (this.stream.writer.hasEnded) this.closeIfOver();
    else this.handler.onDrain();
  }

  onEnd(): void {
    this.hasPeerEnded = true;
    this.handler.onEnd();
    this.closeIfOver();
  }

  onLost(error: Error): void {
    this.closed(ErrorCode.cancel, error);
  }

  private closeIfOver(): void {
    const { writer } = this.stream;
    if (this.isClosed || !writer.hasEnded || !(this.hasPeerEnded || this.isClosing)) return;
    if (writer.keptBytes === 0) this.closed(ErrorCode.noError, null);
    else writer.awaitWritten();
  }

  /** No callback comes from inside a call of the tunnel. */
  private closed(code: number, error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stream.end(code);
    queueMicrotask(() => this.handler.onClose(error));
  }
}
