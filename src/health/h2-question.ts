/** One request of a health check over an HTTP/2 connection of its own. It reads no more than the check needs. */
import { defaultAbuseLimits } from '../http/h2/abuse.ts';
import type { H2Error } from '../http/h2/errors.ts';
import { writeNoTable } from '../http/h2/hpack/encoder.ts';
import { FieldList } from '../http/h2/hpack/field-list.ts';
import { Protocol } from '../http/h2/protocol.ts';
import type { ProtocolHandler, ProtocolSettings } from '../http/h2/protocol-handler.ts';
import { writeRequestBlock } from '../http/h2/server-fields.ts';
import type { Stream } from '../http/h2/streams.ts';
import { HeadWriter } from '../http/writer.ts';
import type { Socket } from '../net/socket.ts';

/** The check. */
export interface QuestionListener {
  /** The head of the final response. Names are in lower case. */
  onAnswerHead(status: number, fields: ReadonlyMap<string, string>): void;
  onAnswerData(bytes: Buffer): void;
  onAnswerEnd(trailers: ReadonlyMap<string, string>): void;
  /** There will be no answer, or no more of it. */
  onNoAnswer(problem: string): void;
}

const maxHeadBytes = 16 * 1024;
const settings: ProtocolSettings = {
  maxConcurrentStreams: 0,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerTableBytes: 4096,
  maxHeaderListBytes: maxHeadBytes,
  maxBlockBytes: maxHeadBytes,
  maxContinuations: 8,
  connectProtocol: false,
  abuse: defaultAbuseLimits,
};

export class H2Question implements ProtocolHandler {
  private readonly socket: Socket;
  private readonly listener: QuestionListener;
  private readonly out = new HeadWriter(1024);
  private readonly protocol: Protocol;
  private trailers: ReadonlyMap<string, string> = new Map();

  /** `head`: the request as HTTP/1.1 has it. `body`: small enough for the windows at the beginning. */
  constructor(socket: Socket, head: Buffer, body: Buffer, isSecure: boolean, listener: QuestionListener) {
    this.socket = socket;
    this.listener = listener;
    this.protocol = new Protocol(false, settings, this, new FieldList(maxHeadBytes), this.out, 0);
    this.protocol.begin();
    const stream = this.protocol.openStream();
    if (stream === null) return;
    const isWhole = body.length === 0;
    const frame = this.protocol.beginHeaders(stream, isWhole);
    writeNoTable(this.out);
    writeRequestBlock(head, 0, head.length, isSecure, true, this.out);
    this.protocol.endHeaders(stream, frame, isWhole);
    if (!isWhole) this.protocol.sendData(stream, body, 0, body.length, true);
    this.flush();
  }

  read(chunk: Buffer): void {
    this.protocol.read(chunk, 0);
    this.flush();
  }

  private flush(): void {
    if (this.out.length > 0) this.socket.writeCopy(this.out.bytes, this.out.length);
    this.out.clear();
  }

  onHeaders(stream: Stream, fields: FieldList): void {
    const found = new Map(fields.toArray());
    if (stream.hasHeaders) {
      this.trailers = found;
      return;
    }
    const status = Number(found.get(':status') ?? 0);
    // An interim response (RFC 9110 section 15.2) announces another head.
    if (status >= 100 && status < 200) return;
    stream.hasHeaders = true;
    if (fields.overflow) this.listener.onNoAnswer('the response head is too large');
    else if (!/^[1-9]\d\d$/.test(found.get(':status') ?? '')) this.listener.onNoAnswer('the answer has no status');
    else this.listener.onAnswerHead(status, found);
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    this.protocol.consume(stream, end - start);
    this.listener.onAnswerData(bytes.subarray(start, end));
  }

  onEnd(): void {
    this.listener.onAnswerEnd(this.trailers);
  }

  onReset(_stream: Stream, code: number): void {
    this.listener.onNoAnswer(`the server has reset the request (HTTP/2 error ${code})`);
  }

  onGoaway(lastStreamId: number, code: number): void {
    if (lastStreamId === 0) this.listener.onNoAnswer(`the server has sent GOAWAY (HTTP/2 error ${code})`);
  }

  onConnectionError({ text }: H2Error): void {
    this.listener.onNoAnswer(`the answer is not HTTP/2: ${text}`);
  }

  onWindow(): void {}
  onSettings(): void {}
  onPong(): void {}
}
