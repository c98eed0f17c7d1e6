/**
 * The client of one exchange on an HTTP/2 connection: one stream. Reused from stream to stream.
 *
 *      request ── head ──> exchange ── response complete, not taken yet ──> draining ── taken ──> free
 *         │                   ├─────── taken ──────────────────────────────────────────────────────^
 *         └─ head refused ────┴─────── the stream or the connection is gone ───────────────────────^
 *
 * A response that is complete before its request ends the request (RST_STREAM with NO_ERROR, RFC 9113 section 8.1).
 */
import { balancerFaults, type Fault, requestFaults } from '../../errors.ts';
import { ErrorCode } from '../../http/h2/errors.ts';
import { frameHeaderBytes } from '../../http/h2/frame.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import type { Stream } from '../../http/h2/streams.ts';
import { Method, type ResponseHead } from '../../http/head.ts';
import { cutContentLength } from '../../http/hop-headers.ts';
import { Name } from '../../http/names.ts';
import type { Splice } from '../../http/splice.ts';
import { counter } from '../../metrics/counters.ts';
import { logRefusal } from '../refusal.ts';
import { type Client, type ClientSocket, noReference, type RequestReference } from './client.ts';
import { writeError } from './h2-error.ts';
import type { FrameOutput } from './h2-frame-output.ts';
import { type OutputOwner, StreamOutput } from './h2-stream-output.ts';
import { StreamRequest } from './h2-stream-request.ts';
import { H2StreamSocket } from './h2-stream-socket.ts';
import type { StreamUser, UserContext } from './h2-stream-user.ts';
import { acceptsUpgrade, cutAccept } from './h2-websocket.ts';
import type { Peer } from './peer.ts';
import type { RequestHandler } from './request-handler.ts';

/** Where clients come from, and go when they have no stream any more. */
export interface ClientOwner extends UserContext {
  /** Requests are placed when the read is over (h2-streams.ts). */
  readonly startsLate: boolean;
  release(client: H2Client): void;
}

export class H2Client implements Client, StreamUser, OutputOwner {
  index = -1;
  bytesIn = 0;
  bytesOut = 0;
  readonly firstByteAt = -1;
  readonly version = 'HTTP/2.0';
  /** Set by `begin`. */
  private owner!: ClientOwner;
  private sink!: FrameOutput;
  private stream!: Stream;
  private exchange: RequestHandler | null = null;
  private readonly request = new StreamRequest();
  private readonly output = new StreamOutput(this);
  /** The exchange has begun and was not started. */
  private mustStart = false;
  private method: number = Method.get;
  /** Bytes that are missing of the response; negative: its length is not known. */
  private left = -1;
  private isMalformed = false;
  /** It has the stream, until the exchange ends. */
  private tunnel: H2StreamSocket | null = null;

  begin(owner: ClientOwner, stream: Stream): void {
    const { output: sink } = owner;
    this.owner = owner;
    this.sink = sink;
    this.stream = stream;
    this.request.begin(sink, stream);
    this.output.begin(sink, stream);
    this.bytesIn = this.bytesOut = 0;
    this.left = -1;
    this.mustStart = this.isMalformed = false;
    this.tunnel = null;
  }

  get peer(): Peer {
    return this.owner.peer;
  }

  get bodyTimeoutMs(): number {
    return this.owner.settings.timeouts.requestBody;
  }

  get writeTimeoutMs(): number {
    return this.owner.settings.timeouts.write;
  }

  get keptBytes(): number {
    return this.output.keptBytes;
  }

  get undeliveredBytes(): number {
    return this.output.undeliveredBytes;
  }

  // The stream: the request.

  onFields(fields: FieldList, endStream: boolean): void {
    const { request, owner } = this;
    this.bytesIn += this.sink.protocol.blockBytes + frameHeaderBytes;
    if (!this.stream.hasHeaders) this.onHead(fields, endStream);
    else {
      const fault = request.readTrailers(fields, owner.scratch);
      if (fault !== null) this.failBody(fault);
    }
  }

  private onHead(fields: FieldList, endStream: boolean): void {
    const { owner, request } = this;
    const { scratch } = owner.context;
    const problem = request.readHead(fields, endStream, owner, scratch, owner.settings);
    if (problem !== null) {
      this.refuseHead(problem);
      return;
    }
    const exchange = owner.exchanges.take();
    this.method = scratch.head.method;
    this.exchange = exchange;
    this.mustStart = true;
    exchange.begin(this, scratch.head, request.raw, 0, request.isUpgrade);
  }

  /** What came of the request in this read has been reported. */
  start(): void {
    if (!this.mustStart) return;
    this.mustStart = false;
    this.exchange?.start();
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const { exchange, request } = this;
    const size = end - start;
    this.bytesIn += size + frameHeaderBytes;
    if (exchange === null) {
      // The response is complete, and the client has not taken it yet.
      this.owner.context.worker.counters.add(counter.linger_bytes, size);
      this.sink.protocol.consume(this.stream, size);
    } else if (request.isUpgrade) request.addEarly(bytes, start, end);
    else {
      const fault = request.addBody(size);
      if (fault === requestFaults.badContentLength) this.failBody(fault);
      else if (fault !== null) exchange.onRequestFault(fault);
      else request.passBody(exchange, bytes, start, end);
    }
  }

  onEnd(): void {
    const { exchange, request } = this;
    const fault = request.end();
    if (exchange === null) return;
    // It gives the WebSocket up before there is one.
    if (request.isUpgrade) exchange.onRequestFault(requestFaults.clientGone);
    else if (fault !== null) this.failBody(fault);
    else if (request.hasBody) request.passEnd(exchange);
    if (!this.owner.startsLate) this.start();
  }

  onReset(): void {
    this.output.clear();
    if (this.exchange !== null) this.exchange.onClientGone();
    else this.end();
  }

  onWindow(): void {
    this.output.onWindow();
  }

  // Refusals.

  /** No exchange can be made of what has come. A text: it is malformed, an error of the stream (RFC 9113 section 8.1.1). */
  private refuseHead(problem: Fault | string): void {
    const { worker, scratch } = this.owner.context;
    const isMalformed = typeof problem === 'string';
    const fault = isMalformed ? requestFaults.badFields : problem;
    const status = isMalformed ? 0 : fault.status;
    worker.counters.add(counter.requests);
    worker.counters.refused(fault);
    this.method = Method.get;
    if (isMalformed) this.output.dropMalformed();
    else {
      worker.counters.responded(fault.status);
      this.sendFault(fault, null, noReference);
    }
    logRefusal(worker, this, fault, status, this.request.hasRead ? scratch.head : null, scratch.head.fault === null);
    this.onExchangeEnd();
  }

  /** The rest of the request is malformed. */
  private failBody(fault: Fault): void {
    this.isMalformed = true;
    this.exchange?.onRequestFault(fault);
  }

  // The exchange: the response.

  isBehindOthers(): boolean {
    return this.output.isBehindOthers();
  }

  accepts(head: ResponseHead): boolean {
    const { key } = this.request;
    return key === '' || acceptsUpgrade(head, key);
  }

  sendInterim(head: ResponseHead, edit: Splice): boolean {
    const { sink, stream } = this;
    const isTunnel = head.status === 101;
    cutContentLength(head.headers, edit);
    if (isTunnel) cutAccept(head.headers, edit);
    this.bytesOut += sink.writeHead(stream, isTunnel ? 200 : head.status, head, edit, '', false);
    this.output.onHead(false);
    return true;
  }

  sendHead(head: ResponseHead, edit: Splice, length: number): void {
    const { owner, sink, stream } = this;
    this.countEarly();
    if (head.status === 204) cutContentLength(head.headers, edit);
    const date = head.headers.has(Name.date) ? '' : `Date: ${owner.context.worker.date()}\r\n`;
    // Unlike HTTP/1.1, a body of known length may have trailers behind it.
    this.left = head.headers.has(Name.trailer) ? -1 : length;
    this.bytesOut += sink.writeHead(stream, head.status, head, edit, date, this.left === 0);
    this.output.onHead(this.left === 0);
  }

  private countEarly(): void {
    if (this.request.isAwaited) this.owner.context.worker.counters.add(counter.responses_early);
  }

  sendData(bytes: Buffer, start: number, end: number): boolean {
    const size = end - start;
    this.bytesOut += size + frameHeaderBytes;
    if (this.left > 0) this.left -= size;
    return this.output.send(bytes, start, end, this.left === 0);
  }

  finish(trailers: Buffer | null): void {
    this.output.end(trailers);
  }

  /** What has gathered leaves when the turn ends. */
  flush(): void {}

  refuse(fault: Fault, accept: string | null, reference: RequestReference): void {
    this.countEarly();
    this.sendFault(fault, accept, reference);
  }

  private sendFault(fault: Fault, accept: string | null, { responseLine, shownId }: RequestReference): void {
    const { owner, output, peer, request, sink, stream } = this;
    const date = owner.context.worker.date();
    const form = { accept, isHead: this.method === Method.head, isGrpc: request.isGrpc };
    const added = { added: peer.hsts + responseLine, requestId: shownId };
    this.bytesOut += writeError(fault, { stream, sink, output, date, ...form, ...added });
  }

  truncate(): void {
    this.output.cut(ErrorCode.internalError);
  }

  reset(): void {
    this.bytesOut -= this.output.drop(ErrorCode.internalError);
  }

  pauseBody(): void {
    this.request.pause();
  }

  resumeBody(): void {
    this.request.resume();
  }

  addBuffered(bytes: number): void {
    this.sink.addBuffered(bytes);
  }

  takeSocket(): ClientSocket {
    const { owner, stream } = this;
    const early = this.request.takeEarly();
    const socket = new H2StreamSocket(owner, stream, early?.length ?? 0);
    this.tunnel = socket;
    stream.owner = socket;
    owner.add(socket);
    return { socket, early };
  }

  onExchangeEnd(): void {
    this.exchange = null;
    this.mustStart = false;
    if (this.tunnel !== null || this.output.isDone) this.end();
    else if (this.output.keptBytes > 0) this.output.drain(this.writeTimeoutMs);
    // Without a response nobody can take the stream for complete.
    else {
      this.output.drop(ErrorCode.internalError);
      this.end();
    }
  }

  // The connection.

  onOutputEmpty(): void {
    if (this.exchange === null) this.end();
    else if (this.sink.isTaking) this.exchange.onClientDrain();
  }

  onSocketFull(): void {
    this.exchange?.onClientFull();
  }

  onSocketDrain(): void {
    if (this.tunnel === null && this.output.keptBytes === 0) this.exchange?.onClientDrain();
  }

  onBuffersFull(): void {
    if (this.tunnel !== null) return;
    if (this.exchange !== null) this.exchange.onRequestFault(balancerFaults.buffersFull);
    else {
      this.output.drop(ErrorCode.enhanceYourCalm);
      this.end();
    }
  }

  cut(): void {
    if (this.tunnel === null && !this.output.isDone) this.output.drop(ErrorCode.internalError);
  }

  /** A tunnel ends by itself, and then its exchange. */
  onGone(): void {
    if (this.tunnel === null) this.onReset();
  }

  /** The stream is closed as far as this side is concerned. */
  private end(): void {
    const { owner, request, sink, stream } = this;
    if (this.index < 0) return;
    request.clear();
    if (this.tunnel === null) {
      if (this.isMalformed) sink.protocol.resetMalformed(stream);
      // The frame that is being read may have END_STREAM.
      else if (!request.isComplete) sink.protocol.reset(stream, ErrorCode.noError);
      stream.owner = null;
    }
    sink.schedule();
    owner.release(this);
  }
}
