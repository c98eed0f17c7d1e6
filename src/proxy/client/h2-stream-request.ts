/**
 * The request of one stream of HTTP/2: its head, written as one of HTTP/1.1 and kept for as long as the exchange lasts, and what its body
 * has to keep to. Reused from stream to stream.
 */
import { type Fault, requestFaults } from '../../errors.ts';
import { headerSays } from '../../http/forwarded.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import { Repeat } from '../../http/h2/repeated-block.ts';
import type { Stream } from '../../http/h2/streams.ts';
import { Name } from '../../http/names.ts';
import { HeadWriter } from '../../http/writer.ts';
import type { RequestScratch } from '../request-scratch.ts';
import { isGrpcRequest } from './grpc-error.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import type { KeptHead } from './h2-kept-head.ts';
import type { H2Scratch } from './h2-scratch.ts';
import { webSocketKey } from './h2-websocket.ts';
import type { RequestHandler } from './request-handler.ts';

export interface RequestRules {
  readonly upgrades: readonly string[];
  /** Most bytes of a body; 0: no limit. */
  readonly bodyBytes: number;
}

interface HeadContext {
  readonly scratch: H2Scratch;
  readonly kept: KeptHead;
}

/** Room for a usual head; a buffer that has grown beyond the second figure is not kept. */
const headBytes = 1024;
const maxKeptHeadBytes = 8 * 1024;
const unknown = -1;
const none = -1;

export class StreamRequest {
  /** END_STREAM has come. */
  isComplete = false;
  /** The head says that it has a body. */
  hasBody = false;
  /** The head that `RequestScratch` has read last was its own. */
  hasRead = false;
  trailers: Buffer | null = null;
  /** Of an extended CONNECT (RFC 8441), the Sec-WebSocket-Key that the server gets; '': it is none. */
  key = '';
  /** Set by `begin`. */
  private sink!: FrameOutput;
  private stream!: Stream;
  private head = new HeadWriter(headBytes);
  /** The head, when it is that of an earlier request of the connection (h2-kept-head.ts). */
  private kept: Buffer | null = null;
  private maxBodyBytes = 0;
  /** Bytes that are missing of the length that was announced; -1: none was. */
  private bodyLeft = unknown;
  private bodyBytes = 0;
  /** The last byte of the body; -1: it is not held. */
  private lastByte = none;
  private isPaused = false;
  /** Bytes of the body that hold the window back. */
  private heldBack = 0;
  /** Bytes of a tunnel that is not open yet. */
  private early: Buffer[] = [];

  begin(sink: FrameOutput, stream: Stream): void {
    this.sink = sink;
    this.stream = stream;
    this.bodyLeft = unknown;
    this.lastByte = none;
    this.bodyBytes = this.heldBack = 0;
    this.isComplete = this.hasBody = this.isPaused = false;
    this.trailers = null;
    this.key = '';
  }

  /** The head, from its first byte on. */
  get raw(): Buffer {
    return this.kept ?? this.head.bytes;
  }

  /** Its client expects responses of gRPC, errors too. */
  get isGrpc(): boolean {
    return isGrpcRequest(this.kept ?? this.head.bytes.subarray(0, this.head.length));
  }

  /** The client has yet to send of it. */
  get isAwaited(): boolean {
    return !this.isComplete && !this.isUpgrade;
  }

  /** Bytes of a tunnel are expected, and no body. */
  get isUpgrade(): boolean {
    return this.key !== '';
  }

  /** The head, which then is in `scratch`. A text: it is malformed. A fault: the client is told. */
  readHead(
    fields: FieldList,
    endStream: boolean,
    context: HeadContext,
    scratch: RequestScratch,
    { upgrades, bodyBytes }: RequestRules,
  ): Fault | string | null {
    const { head } = scratch;
    this.isComplete = endStream;
    this.maxBodyBytes = bodyBytes;
    this.hasRead = false;
    const problem = this.writeHead(fields, endStream, context);
    if (problem !== null) return problem;
    this.hasRead = true;
    const after = this.kept === null ? scratch.readNew(this.head.bytes, 0) : scratch.readLasting(this.kept);
    if (after <= 0) return head.fault ?? requestFaults.headTooLarge;
    if (bodyBytes > 0 && head.length > bodyBytes) return requestFaults.bodyTooLarge;
    if (this.isUpgrade && !upgrades.some((name) => headerSays(head.headers, Name.upgrade, name)))
      return requestFaults.methodRefused;
    this.hasBody = head.length !== 0;
    return null;
  }

  private writeHead(fields: FieldList, endStream: boolean, { scratch, kept }: HeadContext): Fault | string | null {
    const { head } = this;
    const { requestFields } = scratch;
    if (fields.repeat === Repeat.kept) {
      this.kept = kept.bytes;
      this.bodyLeft = kept.contentLength;
      return null;
    }
    this.kept = null;
    head.clear();
    const problem = requestFields.write(fields, endStream, head);
    if (problem !== null) return problem;
    if (requestFields.isExtendedConnect) this.addKey();
    else if (fields.repeat === Repeat.again && kept.keep(head, requestFields)) this.sink.protocol.keepFields();
    this.bodyLeft = requestFields.contentLength;
    return null;
  }

  private addKey(): void {
    const { head } = this;
    this.key = webSocketKey();
    // Before the empty line.
    head.length -= 2;
    head.text(`sec-websocket-key: ${this.key}\r\n\r\n`);
  }

  /** So many bytes of the body have come. The fault that they are. */
  addBody(size: number): Fault | null {
    if (!this.hasBody || (this.bodyLeft !== unknown && size > this.bodyLeft)) return requestFaults.badContentLength;
    if (this.bodyLeft !== unknown) this.bodyLeft -= size;
    this.bodyBytes += size;
    if (this.maxBodyBytes > 0 && this.bodyBytes > this.maxBodyBytes) return requestFaults.bodyTooLarge;
    this.heldBack += size;
    return null;
  }

  /**
   * A piece of the body goes on. Of one that all announced bytes have come of, but not the end of the stream, the last byte is held: more
   * bytes would make the request a malformed one (RFC 9113 section 8.1.1), which no server may take for a whole one before.
   */
  passBody(exchange: RequestHandler, bytes: Buffer, start: number, end: number): void {
    const holdsLast = this.bodyLeft === 0 && !this.sink.protocol.isLastData;
    if (holdsLast) this.lastByte = bytes[end - 1]!;
    const passed = holdsLast ? end - 1 : end;
    if (passed > start) exchange.onRequestData(bytes.subarray(start, passed), false);
    this.giveBack();
  }

  passEnd(exchange: RequestHandler): void {
    if (this.lastByte !== none) exchange.onRequestData(Buffer.of(this.lastByte), false);
    exchange.onRequestEnd(this.trailers);
  }

  readTrailers(fields: FieldList, { trailerFields }: H2Scratch): Fault | null {
    const problem = trailerFields.read(fields, true);
    if (problem === null) this.trailers = trailerFields.trailers;
    return typeof problem === 'string' ? requestFaults.badTrailer : problem;
  }

  /** The body is complete. */
  end(): Fault | null {
    this.isComplete = true;
    return this.bodyLeft > 0 ? requestFaults.badContentLength : null;
  }

  // The window.

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.giveBack();
  }

  /** What has come has gone on, unless the exchange has paused: the client may send as much again. */
  private giveBack(): void {
    const { heldBack, sink } = this;
    if (this.isPaused || heldBack === 0) return;
    this.heldBack = 0;
    sink.protocol.consume(this.stream, heldBack);
    sink.schedule();
  }

  // A tunnel that is not open yet. Its window is held back.

  addEarly(bytes: Buffer, start: number, end: number): void {
    this.early.push(Buffer.from(bytes.subarray(start, end)));
    this.sink.addBuffered(end - start);
  }

  takeEarly(): Buffer | null {
    if (this.early.length === 0) return null;
    const early = Buffer.concat(this.early);
    this.early = [];
    this.sink.addBuffered(-early.length);
    return early;
  }

  /** The stream is over. */
  clear(): void {
    this.takeEarly();
    this.trailers = this.kept = null;
    if (this.head.bytes.length > maxKeptHeadBytes) this.head = new HeadWriter(headBytes);
  }
}
