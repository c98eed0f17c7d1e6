/**
 * One request to a server and its response, as a stream of an HTTP/2 connection that it shares with others:
 *
 *      reserved ── send, or appendBody ──> open ── response complete, cancel, abort ──> over
 *
 * over is terminal: each request has a stream of its own. It counts against the places of its connection from the beginning.
 */
import type { Fault } from '../../errors.ts';
import { ErrorCode } from '../../http/h2/errors.ts';
import type { Stream } from '../../http/h2/streams.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { H2Context } from './h2-context.ts';
import { H2RequestWriter, type RequestWriterOwner } from './h2-request-writer.ts';
import { H2ResponseReader, type ResponseReaderOwner } from './h2-response-reader.ts';
import type { ResponseHandler } from './response-handler.ts';
import type { SentBody, ServerConnection } from './server-connection.ts';

/** The connection. */
export interface StreamOwner extends RequestWriterOwner {
  readonly context: H2Context;
  readonly maxInterim: number;
  /** Goes up with each write to the socket. */
  readonly writes: number;
  /** null: no stream can be opened; the stream that asks will be told of the fault. */
  openStream(by: H2ServerStream): Stream | null;
  /** It is over: its place is free. `code`: for RST_STREAM, if the stream is not closed yet. */
  endStream(stream: H2ServerStream, code: number): void;
  onMisframed(how: string): void;
}

export class H2ServerStream implements ServerConnection, ResponseReaderOwner {
  readonly reused: boolean;
  readonly mayRefuse = true;
  /** null: not open yet, or over. */
  stream: Stream | null = null;
  readonly reader: H2ResponseReader;
  readonly writer: H2RequestWriter;
  private readonly owner: StreamOwner;
  /** `StreamOwner.writes` when the head was written. */
  private writtenAt = -1;
  private isOver = false;

  /** `reused`: the server has sent something on this connection before. */
  constructor(owner: StreamOwner, reused: boolean) {
    this.owner = owner;
    this.reused = reused;
    this.reader = new H2ResponseReader(this, owner.context, owner.maxInterim);
    this.writer = new H2RequestWriter(owner, () => this.reader.handler?.onServerDrain());
  }

  get responseStarted(): boolean {
    return this.reader.hasStarted;
  }

  get isUnwritten(): boolean {
    return this.writtenAt < 0 || this.writtenAt === this.owner.writes;
  }

  // The request.

  begin(handler: ResponseHandler): void {
    this.reader.begin(handler);
  }

  gather(handler: ResponseHandler): HeadWriter {
    const { requestText } = this.owner.context;
    requestText.clear();
    this.begin(handler);
    return requestText;
  }

  appendBody(body: SentBody, out: HeadWriter): void {
    this.send(out, body);
  }

  send(out: HeadWriter, body: SentBody): boolean {
    const { owner } = this;
    const stream = owner.openStream(this);
    if (stream === null) return true;
    this.stream = stream;
    this.writtenAt = owner.writes;
    return this.writer.send(stream, out, body);
  }

  sendData(piece: Buffer): boolean {
    return this.writer.sendData(piece);
  }

  finish(trailers: Buffer | null): void {
    this.writer.finish(trailers);
  }

  // The response.

  pause(): void {
    this.reader.pause();
  }

  resume(): void {
    this.reader.resume();
  }

  resumeHeld(): void {
    this.reader.resumeHeld();
  }

  /** A response that came before the request was complete: the server is told that no more of it follows. */
  release(): void {
    this.end(ErrorCode.noError);
  }

  cancel(): void {
    this.end(ErrorCode.cancel);
  }

  abort(): void {
    this.end(ErrorCode.cancel);
  }

  takeSocket(): Socket {
    throw new Error('a stream of HTTP/2 has no socket of its own');
  }

  /** The stream, or its connection, has failed. */
  fail(fault: Fault): void {
    this.reader.onFault(fault);
  }

  // What the reader asks for.

  consume(bytes: number): void {
    const { stream, owner } = this;
    if (stream === null) return;
    owner.protocol.consume(stream, bytes);
    owner.schedule();
  }

  addBuffered(bytes: number): void {
    this.owner.addBuffered(bytes);
  }

  onMisframed(how: string): void {
    this.owner.onMisframed(how);
  }

  reset(code: number): void {
    const { stream, owner } = this;
    if (stream === null) return;
    owner.protocol.reset(stream, code);
    owner.schedule();
  }

  private end(code: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.reader.end();
    this.writer.drop();
    this.owner.endStream(this, code);
    this.stream = null;
  }
}
