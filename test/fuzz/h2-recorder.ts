/** A server's side of HTTP/2 without sockets, whose events are written down, for the fuzzers. */
import { defaultAbuseLimits } from '../../src/http/h2/abuse.ts';
import { type H2Error, h2Errors } from '../../src/http/h2/errors.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { Protocol } from '../../src/http/h2/protocol.ts';
import type { ProtocolHandler, ProtocolSettings } from '../../src/http/h2/protocol-handler.ts';
import { RequestFields } from '../../src/http/h2/request-fields.ts';
import type { Stream } from '../../src/http/h2/streams.ts';
import { RequestHead } from '../../src/http/head.ts';
import { HeadWriter } from '../../src/http/writer.ts';

export const maxListBytes = 16_384;

export const fuzzSettings: ProtocolSettings = {
  maxBlockBytes: maxListBytes,
  maxContinuations: 16,
  maxConcurrentStreams: 100,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerTableBytes: 4096,
  maxHeaderListBytes: maxListBytes,
  connectProtocol: true,
  abuse: defaultAbuseLimits,
};

const headLimits = { headBytes: 1 << 16, headers: 1000, uriBytes: 1 << 16 };

export interface RecorderOptions {
  /** Each request that has ended is answered at once. */
  readonly answers: boolean;
  /** Data are taken at once, and so the windows given back. */
  readonly takes: boolean;
}

export class H2Recorder implements ProtocolHandler {
  readonly events: string[] = [];
  /** Identifiers of the streams whose fields are a request that a server would get, in their order. */
  readonly requests: number[] = [];
  /** Those that another reader may take: Content-Length is not what came later, or a field is wrong that it leaves out or reads less strictly. */
  readonly refused: number[] = [];
  readonly out = new HeadWriter(1024);
  readonly protocol: Protocol;
  error: H2Error | null = null;
  onStream: (stream: Stream) => void = () => {};
  private readonly options: RecorderOptions;
  private readonly head = new HeadWriter(1024);
  private readonly converter = new RequestFields(true);
  private readonly reader = new RequestHead(headLimits);
  private dataOf = 0;
  /** Bytes that Content-Length still promises, by stream; -1: any number. */
  private readonly missing = new Map<number, number>();

  constructor(options: RecorderOptions, settings: ProtocolSettings = fuzzSettings) {
    this.options = options;
    this.protocol = new Protocol(true, settings, this, new FieldList(settings.maxHeaderListBytes), this.out, 0);
    this.protocol.begin();
  }

  /** The events up to now. */
  forget(): void {
    this.events.length = 0;
    this.dataOf = 0;
  }

  read(bytes: Buffer): void {
    this.protocol.read(bytes, 0);
  }

  /** The frame is a PING, and has been answered. */
  readonly hasAnswered = (ping: Buffer): boolean => {
    const answers = framesOf(this.out.bytes.subarray(0, this.out.length));
    return answers.some(({ type, flags, payload }) => type === 6 && flags === 1 && payload.equals(ping.subarray(9)));
  };

  onHeaders(stream: Stream, fields: FieldList): void {
    const isTrailers = stream.hasHeaders;
    this.add(`${isTrailers ? 'trailers' : 'headers'} ${stream.id} ${JSON.stringify(fields.toArray())}`);
    if (isTrailers) return;
    this.onStream(stream);
    this.head.clear();
    const problem = this.converter.write(fields, false, this.head);
    if (problem !== null || this.reader.read(this.head.bytes, 0, this.head.length) <= 0) {
      if (typeof problem !== 'string' || problem.startsWith('a field ')) this.refused.push(stream.id);
      this.protocol.resetMalformed(stream);
    } else {
      this.requests.push(stream.id);
      this.missing.set(stream.id, this.converter.contentLength);
    }
  }

  onData(stream: Stream, bytes: Buffer, start: number, end: number): void {
    const missing = this.missing.get(stream.id) ?? -1;
    const size = missing < 0 ? end - start : Math.min(end - start, missing);
    const text = bytes.toString('latin1', start, start + size);
    // Where a frame is cut does not matter.
    if (this.dataOf === stream.id) this.events[this.events.length - 1] += text;
    else this.add(`data ${stream.id} ${text}`);
    this.dataOf = stream.id;
    if (missing >= 0) this.missing.set(stream.id, missing - size);
    if (size < end - start) this.refuse(stream);
    else if (this.options.takes) this.protocol.consume(stream, size);
  }

  onEnd(stream: Stream): void {
    this.add(`end ${stream.id}`);
    if ((this.missing.get(stream.id) ?? 0) > 0) {
      this.refuse(stream);
      return;
    }
    if (!this.options.answers) return;
    const frame = this.protocol.beginHeaders(stream, true);
    this.out.byte(0x88);
    this.protocol.endHeaders(stream, frame, true);
  }

  onReset(stream: Stream, code: number): void {
    this.add(`reset ${stream.id} ${code}`);
  }

  onWindow(stream: Stream | null): void {
    this.add(`window ${stream?.id ?? 0}`);
  }

  onSettings(): void {
    this.add('settings');
  }

  onPong(): void {
    throw new Error('an answer to a PING that was not sent');
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.add(`goaway ${lastStreamId} ${code}`);
  }

  onConnectionError(error: H2Error): void {
    this.error = error;
  }

  private refuse(stream: Stream): void {
    this.requests.splice(this.requests.indexOf(stream.id), 1);
    this.refused.push(stream.id);
    this.protocol.resetMalformed(stream);
  }

  private add(event: string): void {
    // Nothing comes behind the error of a connection.
    if (this.error !== null) throw new Error(`${event} behind: ${this.error.text}`);
    this.dataOf = 0;
    this.events.push(event);
  }
}

/** Frames that were sent: type, flags, stream, payload in hex. */
export function framesOf(bytes: Buffer): { type: number; flags: number; streamId: number; payload: Buffer }[] {
  const frames = [];
  for (let p = 0; p + 9 <= bytes.length; ) {
    const end = p + 9 + bytes.readUIntBE(p, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes[p + 3]!,
      flags: bytes[p + 4]!,
      streamId: bytes.readUInt32BE(p + 5) & 0x7fff_ffff,
      payload: bytes.subarray(p + 9, end),
    });
    p = end;
  }
  return frames;
}

export const knownErrors: ReadonlySet<string> = new Set(Object.values(h2Errors).map(({ text }) => text));
