/** A server of HTTP/2 at the other end of a `FakePeer`: it writes down what it gets, and says what the test wants. */
import { defaultAbuseLimits } from '../../src/http/h2/abuse.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { Protocol } from '../../src/http/h2/protocol.ts';
import type { ProtocolHandler, ProtocolSettings } from '../../src/http/h2/protocol-handler.ts';
import { ResponseBlockWriter } from '../../src/http/h2/response-fields.ts';
import type { Stream } from '../../src/http/h2/streams.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import type { FakePeer } from './fake-net.ts';

const usual: ProtocolSettings = {
  maxBlockBytes: 2 ** 16,
  maxContinuations: 8,
  maxConcurrentStreams: 100,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerTableBytes: 4096,
  maxHeaderListBytes: 2 ** 16,
  connectProtocol: false,
  abuse: defaultAbuseLimits,
};

/** Of one request. */
export interface PlayedRequest {
  readonly stream: Stream;
  readonly fields: Readonly<Record<string, string>>;
  body: string;
  trailers: Readonly<Record<string, string>> | null;
  ended: boolean;
  /** The code of RST_STREAM. */
  reset: number | null;
}

export class PlayedH2Server implements ProtocolHandler {
  readonly peer: FakePeer;
  readonly requests: PlayedRequest[] = [];
  readonly protocol: Protocol;
  /** Writes of the code under test that had something in them. */
  goaways: number[] = [];
  error = '';
  /** Body that comes is taken at once, so that its window is given back. */
  takes = true;
  private readonly out = new HeadWriter(1024);
  private readonly writer = new ResponseBlockWriter(1024);
  private read = 0;

  /** Its settings leave at once. */
  constructor(peer: FakePeer, changed: Partial<ProtocolSettings> = {}) {
    this.peer = peer;
    this.protocol = new Protocol(true, { ...usual, ...changed }, this, new FieldList(2 ** 16), this.out, 0);
    this.protocol.begin();
    this.flush();
  }

  /** What has come since the last look. */
  look(): this {
    const bytes = Buffer.from(this.peer.received.slice(this.read), 'latin1');
    this.read = this.peer.received.length;
    if (bytes.length > 0) this.protocol.read(bytes, 0);
    this.flush();
    return this;
  }

  /** The request that came last, or that one. */
  request(at = -1): PlayedRequest {
    const found = this.requests.at(at);
    if (found === undefined) throw new Error(`there are ${this.requests.length} requests`);
    return found;
  }

  /** `lines`: header lines with CR LF. */
  head(request: PlayedRequest, status: number, lines = '', end = false): this {
    const frame = this.protocol.beginHeaders(request.stream, end);
    this.writer.writeOwn(status, lines, this.out);
    this.protocol.endHeaders(request.stream, frame, end);
    return this.flush();
  }

  data(request: PlayedRequest, text: string, end = false): this {
    const bytes = Buffer.from(text, 'latin1');
    for (let p = 0; p < bytes.length || (end && p === 0); ) {
      const after = this.protocol.sendData(request.stream, bytes, p, bytes.length, end);
      if (after === bytes.length) break;
      if (after === p) throw new Error('there is no window for this');
      p = after;
    }
    return this.flush();
  }

  trailers(request: PlayedRequest, lines: string): this {
    const frame = this.protocol.beginHeaders(request.stream, true);
    const head = new HeadWriter(64);
    this.writer.writeOwn(200, lines, head);
    // Without `:status`, which is one byte.
    this.out.copy(head.bytes, 1, head.length);
    this.protocol.endHeaders(request.stream, frame, true);
    return this.flush();
  }

  answer(request: PlayedRequest, body = 'ok', lines = ''): this {
    return this.head(request, 200, lines).data(request, body, true);
  }

  reset(request: PlayedRequest, code: number): this {
    this.protocol.reset(request.stream, code);
    return this.flush();
  }

  goaway(code = 0): this {
    this.protocol.goaway(code, '');
    return this.flush();
  }

  /** Frames as they are. */
  raw(bytes: Buffer): this {
    this.peer.handler.onData(bytes);
    return this;
  }

  private flush(): this {
    if (this.out.length > 0) this.peer.handler.onData(Buffer.from(this.out.bytes.subarray(0, this.out.length)));
    this.out.clear();
    return this;
  }

  onHeaders(stream: Stream, fields: FieldList): void {
    const known = this.requests.find((one) => one.stream === stream);
    const got = Object.fromEntries(fields.toArray());
    if (known !== undefined) known.trailers = got;
    else this.requests.push({ stream, fields: got, body: '', trailers: null, ended: false, reset: null });
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    const request = this.requests.find((one) => one.stream === stream);
    if (request !== undefined) request.body += bytes.toString('latin1', start, end);
    if (this.takes) this.protocol.consume(stream, end - start);
  }

  onEnd(stream: Stream): void {
    const request = this.requests.find((one) => one.stream === stream);
    if (request !== undefined) request.ended = true;
  }

  onReset(stream: Stream, code: number): void {
    const request = this.requests.find((one) => one.stream === stream);
    if (request !== undefined) request.reset = code;
  }

  onWindow(): void {}
  onSettings(): void {}

  onPong(): void {}

  onGoaway(_lastStreamId: number, code: number): void {
    this.goaways.push(code);
  }

  onConnectionError({ text }: { readonly text: string }): void {
    this.error = text;
  }
}
