/** A client of HTTP/2 that sends exactly the bytes it is given, and writes down what comes back, stream by stream. */
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { clientPreface, FrameType } from '../../src/http/h2/frame.ts';
import { HpackDecoder } from '../../src/http/h2/hpack/decoder.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { gapBetweenPieces } from './pace.ts';
import { until } from './until.ts';

export { clientPreface };

/** A field without table and without Huffman code, so that a mark in it can be replaced. Text is latin1. */
export function literal(name: string, value: string): string {
  return `\0${hpackText(name)}${hpackText(value)}`;
}

export function hpackText(text: string): string {
  return integer(text.length, 7) + text;
}

/** RFC 7541 section 5.1. */
export function integer(value: number, prefix: number, flags = 0): string {
  const mask = (1 << prefix) - 1;
  if (value < mask) return String.fromCharCode(flags | value);
  let text = String.fromCharCode(flags | mask);
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) text += String.fromCharCode(128 | (rest & 127));
  return text + String.fromCharCode(rest);
}

export interface H2Response {
  /** The last one that is not interim; 0: none has come. */
  status: number;
  fields: [name: string, value: string][];
  body: Buffer;
  trailers: [name: string, value: string][];
  interim: number[];
  isEnded: boolean;
  /** Code of RST_STREAM. */
  reset: number | null;
}

export class H2RawClient implements AsyncDisposable {
  readonly streams = new Map<number, H2Response>();
  /** Code of the last GOAWAY that is not NO_ERROR; null: none has come. */
  goaway: number | null = null;
  goawayText = '';
  /** What the server has acknowledged by PING. */
  readonly pongs: string[] = [];
  readonly settings = new Map<number, number>();
  isClosed = false;
  /** The frames that came, by type. */
  readonly counts = new Map<number, number>();
  /** What the client thinks is wrong with the server. */
  readonly faults: string[] = [];
  private readonly socket: Duplex;
  private received = Buffer.alloc(0);
  private readonly decoder = new HpackDecoder(4096);
  private readonly list = new FieldList(1 << 20);
  private block: { id: number; flags: number; parts: Buffer[] } | null = null;

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('error', () => {});
    socket.on('end', () => {
      this.isClosed = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static async connect(port: number): Promise<H2RawClient> {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail));
    return new H2RawClient(socket);
  }

  /** Cut in pieces at these places, with a pause between two. */
  async send(data: string | Buffer, cuts: readonly number[] = []): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      if (this.isClosed) return;
      if (from > 0) await gapBetweenPieces(2);
      this.socket.write(bytes.subarray(from, cut));
      from = cut;
    }
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  response(id: number): H2Response {
    const found = this.streams.get(id);
    if (found !== undefined) return found;
    const made: H2Response = {
      status: 0,
      fields: [],
      body: Buffer.alloc(0),
      trailers: [],
      interim: [],
      isEnded: false,
      reset: null,
    };
    this.streams.set(id, made);
    return made;
  }

  isOver(id: number): boolean {
    const found = this.streams.get(id);
    return found !== undefined && (found.isEnded || found.reset !== null);
  }

  /** True: `ready` within the time. */
  async wait(what: string, ready: () => boolean, timeoutMs = 5000): Promise<boolean> {
    try {
      await until(what, ready, timeoutMs, 2);
      return true;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.wait('the client is closed', () => this.socket.closed);
  }

  private read(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    let at = 0;
    while (at + 9 <= this.received.length) {
      const end = at + 9 + this.received.readUIntBE(at, 3);
      if (end > this.received.length) break;
      const streamId = this.received.readUInt32BE(at + 5);
      this.onFrame(this.received[at + 3]!, this.received[at + 4]!, streamId, this.received.subarray(at + 9, end));
      at = end;
    }
    this.received = Buffer.from(this.received.subarray(at));
  }

  private onFrame(type: number, flags: number, id: number, payload: Buffer): void {
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
    switch (type) {
      case FrameType.headers:
        this.block = { id, flags, parts: [payload] };
        if ((flags & 4) !== 0) this.onBlock();
        break;
      case FrameType.continuation:
        this.block?.parts.push(payload);
        if ((flags & 4) !== 0) this.onBlock();
        break;
      case FrameType.data: {
        const response = this.response(id);
        if (response.status === 0) this.faults.push(`DATA before HEADERS on stream ${id}`);
        if (response.isEnded) this.faults.push(`DATA behind the end of stream ${id}`);
        response.body = Buffer.concat([response.body, payload]);
        response.isEnded ||= (flags & 1) !== 0;
        break;
      }
      case FrameType.resetStream:
        this.response(id).reset = payload.readUInt32BE(0);
        break;
      case FrameType.settings:
        // Not acknowledged: that could come to stand within a frame which is sent in pieces.
        for (let p = 0; (flags & 1) === 0 && p < payload.length; p += 6)
          this.settings.set(payload.readUInt16BE(p), payload.readUInt32BE(p + 2));
        break;
      case FrameType.ping:
        if ((flags & 1) !== 0) this.pongs.push(payload.toString('latin1'));
        break;
      case FrameType.goaway: {
        const code = payload.readUInt32BE(4);
        if (code !== 0) {
          this.goaway = code;
          this.goawayText = payload.toString('latin1', 8);
        }
        break;
      }
      default:
    }
  }

  private onBlock(): void {
    const { block } = this;
    if (block === null) return;
    this.block = null;
    const bytes = Buffer.concat(block.parts);
    const error = this.decoder.decode(bytes, 0, bytes.length, this.list);
    if (error !== null) this.faults.push(`a block of the server is wrong: ${error}`);
    const response = this.response(block.id);
    if (response.isEnded) this.faults.push(`HEADERS behind the end of stream ${block.id}`);
    const fields = this.list.toArray();
    const status = Number(fields.find(([name]) => name === ':status')?.[1] ?? 0);
    if (status >= 100 && status < 200) response.interim.push(status);
    else if (response.status === 0) {
      response.status = status;
      response.fields = fields;
    } else response.trailers = fields;
    response.isEnded ||= (block.flags & 1) !== 0;
  }
}
