/**
 * One request to a server and its response, as a stream of an HTTP/2 connection that it shares with others:
 *
 *      reserved ── send, or appendBody ──> open ── response complete, cancel, abort ──> over
 *
 * over is terminal: each request has a stream of its own. It counts against the places of its connection from the beginning. An upgrade
 * becomes an extended CONNECT (RFC 8441), if the server has announced that it takes those: for that it may have to wait for its settings.
 */
import { balancerFaults, type Fault, serverFaults } from '../../errors.ts';
import { ErrorCode } from '../../http/h2/errors.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import type { Stream, StreamOwner } from '../../http/h2/streams.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { H2Context } from './h2-context.ts';
import type { TouchedStream } from './h2-receiver.ts';
import { H2RequestWriter, type RequestWriterOwner } from './h2-request-writer.ts';
import { H2ResponseReader, type ResponseReaderOwner } from './h2-response-reader.ts';
import { H2TunnelSocket, type TunnelStream } from './h2-tunnel-socket.ts';
import { readUpgrade } from './h2-upgrade.ts';
import type { ResponseHandler } from './response-handler.ts';
import type { SentBody, ServerConnection } from './server-connection.ts';

/** The connection. */
export interface ServerStreamOwner extends RequestWriterOwner {
  readonly context: H2Context;
  readonly socket: Pick<Socket, 'remoteAddress' | 'secure'>;
  readonly maxInterim: number;
  /** null: no stream can be opened; the stream that asks will be told of the fault. */
  openStream(by: H2ServerStream): Stream | null;
  /** It is over: its place is free. `code`: for RST_STREAM, if the stream is not closed yet. */
  endStream(stream: H2ServerStream, code: number): void;
  /** `flush` of the stream is called at the end of this read. */
  touch(stream: H2ServerStream): void;
  /** Whether the server takes an extended CONNECT; null: that is not known yet, and `onConnectKnown` of the stream will be called. */
  mayConnect(stream: H2ServerStream): boolean | null;
  onMisframed(how: string): void;
}

export class H2ServerStream implements ServerConnection, ResponseReaderOwner, StreamOwner, TouchedStream, TunnelStream {
  readonly reused: boolean;
  readonly mayRefuse = true;
  /** null: not open yet, or over. */
  stream: Stream | null = null;
  readonly reader: H2ResponseReader;
  readonly writer: H2RequestWriter;
  private readonly owner: ServerStreamOwner;
  /** `H2FrameWriter.writes` when the head was written. */
  private writtenAt = -1;
  private isOver = false;
  /** The head of an upgrade, until it is known whether the server takes it. */
  private upgrade: Buffer | null = null;
  private tunnel: H2TunnelSocket | null = null;

  /** `reused`: the server has sent something on this connection before. */
  constructor(owner: ServerStreamOwner, reused: boolean) {
    this.owner = owner;
    this.reused = reused;
    this.reader = new H2ResponseReader(this, owner.context, owner.maxInterim);
    this.writer = new H2RequestWriter(owner, () => this.onWritten());
  }

  get responseStarted(): boolean {
    return this.reader.hasStarted;
  }

  get isUnwritten(): boolean {
    return this.writtenAt < 0 || this.writtenAt === this.owner.frames.writes;
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
    if (this.reader.handler?.mayUpgrade === true) {
      this.connect(out);
      return true;
    }
    const stream = this.open();
    return stream === null || this.writer.send(stream, out, body);
  }

  private open(): Stream | null {
    const { owner } = this;
    const stream = owner.openStream(this);
    if (stream === null) return null;
    stream.owner = this;
    this.stream = stream;
    this.writtenAt = owner.frames.writes;
    return stream;
  }

  private connect(text: HeadWriter): void {
    const { owner, reader } = this;
    const may = owner.mayConnect(this);
    if (may === null) {
      this.upgrade = Buffer.from(text.bytes.subarray(0, text.length));
      return;
    }
    if (!may) {
      owner.context.worker.net.afterTurn(() => this.fail(balancerFaults.upgradeUnsupported));
      return;
    }
    const stream = this.open();
    if (stream === null) return;
    reader.upgrade = readUpgrade(text);
    this.writer.sendConnect(stream, text);
  }

  /** The settings of the server have come. */
  onConnectKnown(): void {
    const { upgrade } = this;
    const { requestText } = this.owner.context;
    if (upgrade === null || this.isOver) return;
    this.upgrade = null;
    requestText.clear();
    requestText.copy(upgrade, 0, upgrade.length);
    this.connect(requestText);
  }

  sendData(piece: Buffer): boolean {
    return this.writer.sendData(piece);
  }

  finish(trailers: Buffer | null): void {
    this.writer.finish(trailers);
  }

  // The response.

  pause(): boolean {
    this.reader.pause();
    return true;
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
    this.reader.end();
    this.tunnel = new H2TunnelSocket(this, this.owner.socket);
    return this.tunnel;
  }

  // What the connection tells.

  onFields(fields: FieldList, endStream: boolean): void {
    const { reader, stream } = this;
    this.owner.touch(this);
    reader.onHeaders(fields, endStream);
    if (stream !== null && (reader.isAnswered || this.tunnel !== null)) stream.hasHeaders = true;
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.tunnel !== null) this.tunnel.onData(bytes, start, end);
    else {
      this.owner.touch(this);
      this.reader.onData(bytes, start, end);
    }
  }

  onEnd(): void {
    if (this.tunnel !== null) this.tunnel.onEnd();
    else this.reader.onEnd();
  }

  onReset(code: number, isError: boolean): void {
    const { isAnswered } = this.reader;
    if (isError) this.fail(isAnswered ? serverFaults.badResponseBody : serverFaults.badResponse);
    else this.fail(faultOfReset(code, isAnswered));
  }

  onWindow(): void {
    this.writer.onWindow();
  }

  private onWritten(): void {
    if (this.tunnel !== null) this.tunnel.onWritten();
    else this.reader.handler?.onServerDrain();
  }

  flush(): void {
    this.reader.handler?.flush();
  }

  /** Its connection is lost. */
  onLost(): void {
    this.fail(this.reader.isAnswered ? serverFaults.bodyCut : serverFaults.closedEarly);
  }

  fail(fault: Fault): void {
    if (this.tunnel !== null) this.tunnel.onLost(new Error(fault.text));
    else this.reader.onFault(fault);
  }

  // What the reader asks for.

  consume(bytes: number): void {
    const { stream, owner } = this;
    if (stream === null) return;
    owner.protocol.consume(stream, bytes);
    owner.frames.schedule();
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
    owner.frames.schedule();
  }

  end(code: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.reader.end();
    this.writer.drop();
    if (this.stream !== null) this.stream.owner = null;
    this.owner.endStream(this, code);
    this.stream = null;
  }
}

/** RFC 9113 section 7. `isAnswered`: the response has begun. */
function faultOfReset(code: number, isAnswered: boolean): Fault {
  if (isAnswered) return serverFaults.bodyCut;
  if (code === ErrorCode.refusedStream) return serverFaults.streamRefused;
  return code === ErrorCode.enhanceYourCalm ? serverFaults.serverOverloaded : serverFaults.streamReset;
}
