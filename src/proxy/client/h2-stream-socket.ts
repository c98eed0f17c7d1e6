/**
 * A stream of HTTP/2 as a bare connection, for a tunnel (RFC 8441 section 5): what is written is DATA, its FIN is END_STREAM, its reset
 * RST_STREAM. To pause it holds its window back; what the window has allowed already still comes.
 */
import { ErrorCode } from '../../http/h2/errors.ts';
import type { Stream } from '../../http/h2/streams.ts';
import { type Account, nobody, type Socket, type SocketHandler } from '../../net/socket.ts';
import type { TlsSession } from '../../net/tls.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import { type OutputOwner, StreamOutput } from './h2-stream-output.ts';
import type { StreamUser, UserContext } from './h2-stream-user.ts';

export class H2StreamSocket implements Socket, StreamUser, OutputOwner {
  index = -1;
  handler: SocketHandler = nobody;
  /** The kernel's queue is that of the connection, which says nothing of one stream. */
  readonly descriptor = -1;
  private readonly owner: UserContext;
  private readonly sink: FrameOutput;
  private readonly stream: Stream;
  private readonly output: StreamOutput;
  private isPaused = true;
  /** Bytes that hold the window back. */
  private heldBack: number;
  private hasPeerEnded = false;
  /** It closes once everything is written. */
  private isClosing = false;
  private isClosed = false;

  /** `early`: bytes that came before, for which the window has not been given back. Paused at first. */
  constructor(owner: UserContext, stream: Stream, early: number) {
    this.owner = owner;
    this.sink = owner.output;
    this.stream = stream;
    this.output = new StreamOutput(this);
    this.output.begin(this.sink, stream);
    this.heldBack = early;
  }

  get remoteAddress(): string {
    return this.owner.socket.remoteAddress;
  }

  get secure(): boolean {
    return this.owner.socket.secure;
  }

  get tls(): TlsSession | null {
    return this.owner.socket.tls;
  }

  get pending(): number {
    return this.output.keptBytes;
  }

  get keptBytes(): number {
    return this.output.keptBytes;
  }

  // What the tunnel calls.

  write(chunk: Uint8Array): boolean {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const hasRoom = this.output.send(bytes, 0, bytes.length, false);
    this.sink.schedule();
    return hasRoom;
  }

  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(Buffer.from(bytes.subarray(0, length)));
  }

  end(): void {
    this.output.end(null);
    this.closeIfOver();
  }

  close(): void {
    this.isClosing = true;
    this.output.end(null);
    this.closeIfOver();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.output.drop(ErrorCode.connectError);
    this.closed(null);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    if (this.heldBack === 0) return;
    this.sink.protocol.consume(this.stream, this.heldBack);
    this.sink.schedule();
    this.heldBack = 0;
  }

  charge(account: Account): void {
    this.output.charge(account);
  }

  // What the stream and its connection tell.

  /** Trailers of a tunnel mean nothing. */
  onFields(): void {}

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.isPaused) this.heldBack += end - start;
    else this.sink.protocol.consume(this.stream, end - start);
    this.handler.onData(bytes.subarray(start, end));
  }

  onEnd(): void {
    this.hasPeerEnded = true;
    this.handler.onEnd();
    this.closeIfOver();
  }

  onReset(): void {
    this.output.clear();
    this.closed(new Error('the stream was reset'));
  }

  onWindow(): void {
    this.output.onWindow();
  }

  onOutputEmpty(): void {
    if (this.output.isDone) this.closeIfOver();
    else if (this.sink.isTaking) this.handler.onDrain();
  }

  /** Servers of tunnels are paused with their first bytes. */
  onSocketFull(): void {}

  onSocketDrain(): void {
    if (this.output.keptBytes === 0 && !this.isClosed) this.handler.onDrain();
  }

  /** The tunnel has an account of its own. */
  onBuffersFull(): void {}

  /** The listener stops its tunnels itself. */
  cut(): void {}

  onGone(): void {
    this.onReset();
  }

  private closeIfOver(): void {
    if (this.isClosed || !this.output.isDone || !(this.hasPeerEnded || this.isClosing)) return;
    this.sink.protocol.reset(this.stream, ErrorCode.noError);
    this.sink.schedule();
    this.closed(null);
  }

  /** No callback comes from inside a call of the tunnel. */
  private closed(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stream.owner = null;
    this.owner.remove(this);
    queueMicrotask(() => this.handler.onClose(error));
  }
}
