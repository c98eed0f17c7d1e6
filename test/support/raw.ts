/**
 * A TCP client that sends exactly the bytes it is given, cut where it is told, and a small strict reader of
 * HTTP/1.1 messages that shares no code with the balancer: the tests' own opinion of what went over the wire.
 */
import { connect, type Socket } from 'node:net';
import { gapBetweenPieces } from './pace.ts';

/** Text as bytes, one byte a character (latin1). */
export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Bytes for a person: control bytes and all above ASCII are escaped, long ones are cut in the middle. */
export function show(data: Buffer | string, max = 600): string {
  const text = JSON.stringify(typeof data === 'string' ? data : data.toString('latin1'));
  const plain = text.replace(/[\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  if (plain.length <= max) return plain;
  return `${plain.slice(0, max / 2)} ...${plain.length - max} more... ${plain.slice(-max / 2)}`;
}

export type Header = readonly [name: string, value: string];

export interface Message {
  /** Request or status line. */
  readonly line: string;
  /** In order and as spelled. */
  readonly headers: readonly Header[];
  readonly body: Buffer;
  readonly trailers: readonly Header[];
  readonly chunked: boolean;
  /** The body ends with the connection. */
  readonly closeDelimited: boolean;
  /** False when the connection ended before the message did. */
  readonly complete: boolean;
  /** Offset after the message. */
  readonly end: number;
}

export interface Response extends Message {
  readonly status: number;
}

/** All values of a header of a message, names compared without case. */
export function valuesOf(message: Message, name: string): string[] {
  return message.headers.filter((header) => header[0].toLowerCase() === name.toLowerCase()).map((header) => header[1]);
}

/** The one value of a header, undefined when it is missing; two are an error. */
export function oneValueOf(message: Message, name: string): string | undefined {
  const values = valuesOf(message, name);
  if (values.length > 1) throw new Error(`${name} is there ${values.length} times: ${show(values.join(' | '))}`);
  return values[0];
}

/** How a body ends where the head cannot say: `none` for HEAD, `close` where a response may end with its connection. */
export type Ending = 'none' | 'close' | 'framed';

/**
 * Reads one message at `start`. Null when bytes are missing. With `closed`, nothing more will come: an
 * unfinished message is given as incomplete. Throws on anything that RFC 9112 does not allow.
 */
export function readMessage(data: Buffer, start: number, ending: Ending, closed: boolean): Message | null {
  const from = data.indexOf('\r\n\r\n', start, 'latin1') + 4;
  if (from < 4) {
    if (!closed || start === data.length) return null;
    return { ...nothing, line: data.toString('latin1', start).split('\r\n', 1)[0] ?? '', end: data.length };
  }
  const text = data.toString('latin1', start, from - 4);
  const [line = '', ...lines] = text.split('\r\n');
  if (/[^\t\x20-\x7e\x80-\xff]/.test(line) || line === '') throw new Error(`bad first line ${show(line)}`);
  const headers = lines.map(readHeader);
  const head = { ...nothing, line, headers };
  const lengths = headers.filter(([name]) => name.toLowerCase() === 'content-length');
  const codings = headers.filter(([name]) => name.toLowerCase() === 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Error(`two framings in ${show(text)}`);
  if (ending === 'none') return { ...head, complete: true, end: from };
  const coding = codings[0]?.[1];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new Error(`transfer-encoding ${show(coding)}`);
    return readChunks(data, from, closed, head);
  }
  const length = lengths[0]?.[1];
  if (length === undefined) {
    if (ending === 'framed') return { ...head, complete: true, end: from };
    if (!closed) return null;
    return { ...head, closeDelimited: true, body: data.subarray(from), complete: true, end: data.length };
  }
  if (!/^\d{1,16}$/.test(length)) throw new Error(`content-length ${show(length)}`);
  const end = from + Number(length);
  if (end <= data.length) return { ...head, body: data.subarray(from, end), complete: true, end };
  return closed ? { ...head, body: data.subarray(from), end: data.length } : null;
}

const nothing: Message = {
  line: '',
  headers: [],
  body: Buffer.alloc(0),
  trailers: [],
  chunked: false,
  closeDelimited: false,
  complete: false,
  end: 0,
};

/** Reads one line of a header section; throws on what RFC 9112 does not allow. */
export function readHeader(line: string): Header {
  const match =
    /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/.exec(
      line,
    );
  if (match === null) throw new Error(`bad header line ${show(line)}`);
  return [match[1] ?? '', match[2] ?? ''];
}

function readChunks(data: Buffer, from: number, closed: boolean, head: Message): Message | null {
  const pieces: Buffer[] = [];
  const cut = () => (closed ? { ...head, chunked: true, body: Buffer.concat(pieces), end: data.length } : null);
  let p = from;
  for (;;) {
    const lineEnd = data.indexOf('\r\n', p, 'latin1');
    if (lineEnd < 0) return cut();
    const line = data.toString('latin1', p, lineEnd);
    const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line)?.[1];
    if (size === undefined) throw new Error(`bad chunk line ${show(line)}`);
    p = lineEnd + 2;
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    pieces.push(data.subarray(p, Math.min(data.length, p + length)));
    p += length;
    if (data.length < p + 2) return cut();
    if (data[p] !== 13 || data[p + 1] !== 10)
      throw new Error(`no CR LF after a chunk: ${show(data.subarray(p, p + 2))}`);
    p += 2;
  }
  const trailers: Header[] = [];
  for (;;) {
    const lineEnd = data.indexOf('\r\n', p, 'latin1');
    if (lineEnd < 0) return cut();
    const line = data.toString('latin1', p, lineEnd);
    p = lineEnd + 2;
    if (line === '') return { ...head, chunked: true, body: Buffer.concat(pieces), trailers, complete: true, end: p };
    trailers.push(readHeader(line));
  }
}

/** Time between two pieces: long enough, on loopback, that the other process reads them one by one. */
const pieceGap = 2;

export class RawClient implements AsyncDisposable {
  /** open; ended: the peer sent FIN after its last byte; reset: it broke the connection. */
  state: 'open' | 'ended' | 'reset' = 'open';
  private readonly socket: Socket;
  /** What came, in the first `length` bytes: it grows by doubling. */
  private store = Buffer.alloc(4096);
  private length = 0;
  /** Where the next response begins. */
  private at = 0;
  private wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.keep(chunk);
      this.wake();
    });
    socket.on('end', () => this.finish('ended'));
    // An error of our own writing to a closed peer is a reset too.
    socket.on('error', () => this.finish('reset'));
    socket.on('close', () => this.finish('reset'));
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((done, fail) => {
      // Half-open: the peer's FIN must not end what we are still sending.
      const socket = connect({ port, host, allowHalfOpen: true });
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.off('error', fail);
        done(new RawClient(socket));
      });
    });
  }

  /** Everything received so far. */
  get received(): Buffer {
    return this.store.subarray(0, this.length);
  }

  /** What came after the last response that was read. */
  get rest(): Buffer {
    return this.received.subarray(this.at);
  }

  /** Sends the bytes, in one piece or cut at the offsets, with a short wait between pieces. */
  async send(data: Buffer | string, cuts: readonly number[] = []): Promise<void> {
    const all = typeof data === 'string' ? bytes(data) : data;
    let from = 0;
    for (const cut of cuts) {
      if (cut <= from || cut >= all.length) continue;
      this.write(all.subarray(from, cut));
      from = cut;
      await gapBetweenPieces(pieceGap);
    }
    this.write(all.subarray(from));
  }

  /** Sends the bytes, and resolves when the kernel has them all; rejects when the connection broke. */
  sent(data: Buffer): Promise<void> {
    return new Promise((done, fail) => this.socket.write(data, (error) => (error == null ? done() : fail(error))));
  }

  /** FIN: we send nothing more. */
  end(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Next response, also an interim one. `method` is the request's: a response to HEAD has no body. */
  async response(method = 'GET', timeout = 10_000): Promise<Response> {
    let found: Response | null = null;
    await this.wait(`a response to ${method}`, timeout, () => {
      if (this.received.length === this.at) return this.state !== 'open';
      found = this.readResponse(method);
      return found !== null || this.state !== 'open';
    });
    if (found === null) throw new Error(`connection ${this.state} without a response`);
    return found;
  }

  /** Until the peer has closed; what came then stands in `received`. */
  async closed(timeout = 10_000): Promise<'ended' | 'reset'> {
    await this.wait('the end of the connection', timeout, () => this.state !== 'open');
    return this.state === 'ended' ? 'ended' : 'reset';
  }

  /** Until `ready` holds; it is asked again after each arrival of bytes and at the end of the connection. */
  wait(what: string, timeout: number, ready: () => boolean): Promise<void> {
    return new Promise((done, fail) => {
      const settle = (error: unknown) => {
        clearTimeout(timer);
        this.wake = () => {};
        if (error === undefined) done();
        else fail(error);
      };
      const timer = setTimeout(() => {
        settle(new Error(`no ${what} within ${timeout} ms; connection ${this.state}, received ${show(this.rest)}`));
      }, timeout);
      this.wake = () => {
        try {
          if (ready()) settle(undefined);
        } catch (error) {
          settle(error);
        }
      };
      this.wake();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return Promise.resolve();
    return new Promise((done) => {
      this.socket.once('close', () => done());
      this.socket.destroy();
    });
  }

  private readResponse(method: string): Response | null {
    const line = this.rest.toString('latin1', 0, 12);
    const bodiless = method === 'HEAD' || /^HTTP\/1\.[01] (?:1\d\d|204|304)$/.test(line);
    const closed = this.state !== 'open';
    const message = readMessage(this.received, this.at, bodiless ? 'none' : 'close', closed);
    if (message === null) return null;
    const match = /^HTTP\/1\.[01] (\d{3})(?: .*)?$/.exec(message.line);
    if (match === null) throw new Error(`bad status line ${show(message.line)}`);
    this.at = message.end;
    // A body that ends with the connection is whole only when the connection ended in order.
    const complete = message.complete && !(message.closeDelimited && this.state === 'reset');
    return { ...message, complete, status: Number(match[1]) };
  }

  private keep(chunk: Buffer): void {
    const length = this.length + chunk.length;
    if (length > this.store.length) {
      const larger = Buffer.alloc(2 * length);
      this.store.copy(larger, 0, 0, this.length);
      this.store = larger;
    }
    chunk.copy(this.store, this.length);
    this.length = length;
  }

  private write(data: Buffer): void {
    if (this.socket.writable && data.length > 0) this.socket.write(data);
  }

  private finish(state: 'ended' | 'reset'): void {
    if (this.state === 'open') this.state = state;
    this.wake();
  }
}
