/**
 * One health check of one server over one socket: connect, ask if there is something to ask, decide, close.
 *
 *     connecting --onOpen--> head --blank line--> body --text found--> done
 *          |                  |                    |                    ^
 *          +------------------+--------------------+--- any failure ----+
 *
 * It reads no more of HTTP than it needs, and that strictly: the status line, the end of the head, and raw bytes
 * of the body. Chunked framing is not undone, so a text that the server cuts over two chunks is not found. It asks as requests are sent:
 * over TLS, and by HTTP/2 (h2-question.ts), where the pool does so.
 */
import type { ActiveOptions, HttpVersion } from '../config/options.ts';
import { codeOf } from '../errors.ts';
import { append, isWorthReading } from '../http/pieces.ts';
import { shortageOf } from '../net/shortage.ts';
import {
  type Address,
  type ConnectHandler,
  type Connecting,
  formatAddress,
  type Net,
  type Socket,
  type SocketHandler,
} from '../net/socket.ts';
import type { ClientTls } from '../net/tls.ts';
import type { Timers } from '../time/clock.ts';
import { encodeHealthRequest, grpcPath, maxAnswerBytes, problemOfAnswer } from './grpc.ts';
import { H2Question, type QuestionListener } from './h2-question.ts';

export interface ProbeDependencies {
  readonly net: Net;
  readonly timers: Timers;
  /** Left out: HTTP/1.1 without TLS. */
  readonly transport?: ProbeTransport;
}

/** How the pool of the server speaks to it. */
export interface ProbeTransport {
  readonly protocol: HttpVersion;
  /** null: plain. */
  readonly tls: ClientTls | null;
}

/** null: healthy. A text: what is wrong. undefined: more bytes are needed to tell. */
type ReadProblem = string | null | undefined;

type Options = Pick<ActiveOptions, 'grpc' | 'http' | 'timeout'>;

/** `problem`: null for a healthy server, else what is wrong. `shortage`: why this machine could not ask; null when it could. */
type Done = (problem: string | null, shortage: string | null) => void;

const maxHeadBytes = 16 * 1024;
const maxBodyBytes = 64 * 1024;
/** Up to here the head is read with each piece: what does not speak HTTP need not end a line. */
const statusLineBytes = 64;
const statusLine = /^HTTP\/1\.\d ([1-9]\d\d)(?: |$)/;
/** As drain-header.ts of proxy/ reads it in responses to clients. */
const drainLine = /\r\nlimpet-drain:[ \t]*([01])[ \t]*\r\n/i;
const statusLineStart = 'HTTP/1.';
const noBytes: Buffer = Buffer.alloc(0);
const plain: ProbeTransport = { protocol: 'h1', tls: null };

export class Probe implements ConnectHandler, SocketHandler, QuestionListener {
  /** What the answer says in `Limpet-Drain`; null: nothing. */
  drainAsked: boolean | null = null;
  /** Nobody listens at the address of the server. */
  isRefused = false;
  private stage: 'connecting' | 'head' | 'body' | 'done' = 'connecting';
  private readonly deps: ProbeDependencies;
  private readonly address: Address;
  private readonly options: Options;
  private readonly done: Done;
  private readonly wanted: Buffer;
  private connecting: Connecting | null = null;
  private socket: Socket | null = null;
  private cancelTimer: () => void = () => {};
  /** Of the head: all so far. Of the body: the end of it, in which the wanted text may have begun. */
  private kept = noBytes;
  /** Bytes of the head when it was read last. */
  private keptRead = 0;
  private bodyBytes = 0;
  private readonly transport: ProbeTransport;
  /** null: over HTTP/1.1, or not connected. */
  private question: H2Question | null = null;
  /** Of an answer over HTTP/2. */
  private status = 0;
  private fields: ReadonlyMap<string, string> = new Map();

  /** `done` is called once; never after `cancel`. */
  constructor(deps: ProbeDependencies, address: Address, options: Options, done: Done) {
    this.deps = deps;
    this.address = address;
    this.options = options;
    this.done = done;
    this.transport = deps.transport ?? plain;
    this.wanted = Buffer.from(options.http?.body ?? '');
  }

  start(): void {
    const { timeout } = this.options;
    this.cancelTimer = this.deps.timers.after(timeout, () => this.finish(`${this.missing()} within ${timeout} ms`));
    this.connecting = this.deps.net.connect(this.address, this, this.transport.tls);
  }

  cancel(): void {
    if (this.stage !== 'done') this.release(false);
  }

  onOpen(socket: Socket): SocketHandler {
    this.socket = socket;
    this.stage = 'head';
    const { grpc, http } = this.options;
    const { protocol, tls } = this.transport;
    const isH2 = protocol === 'h2' || grpc !== null;
    // RFC 9113 section 3.2: over TLS, HTTP/2 is spoken only where ALPN has agreed on it.
    if (isH2 && tls !== null && socket.tls?.protocol !== 'h2') this.finish('the server does not agree on h2 by ALPN');
    else if (http === null && grpc === null) this.finish(null);
    else if (!isH2) socket.write(this.head());
    else {
      const body = grpc === null ? noBytes : encodeHealthRequest(grpc.service);
      this.question = new H2Question(socket, this.head(), body, tls !== null, this);
    }
    return this;
  }

  private head(): Buffer {
    const { grpc, http } = this.options;
    const host = http === null || http.host === '' ? defaultHost(this.address) : http.host;
    const line = grpc === null ? `GET ${http?.path ?? '/'}` : `POST ${grpcPath}`;
    const lines = grpc === null ? 'Accept: */*\r\nConnection: close' : 'Content-Type: application/grpc';
    return Buffer.from(`${line} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: limpet-health\r\n${lines}\r\n\r\n`);
  }

  // Over HTTP/2.

  onAnswerHead(status: number, fields: ReadonlyMap<string, string>): void {
    if (this.stage !== 'head') return;
    this.status = status;
    this.fields = fields;
    if (this.options.grpc !== null) {
      this.stage = 'body';
      return;
    }
    this.noteDrain(fields.get('limpet-drain') ?? '');
    const problem = this.isGood(status) ? this.beginBody(noBytes) : `status ${status}`;
    if (problem !== undefined) this.finish(problem);
  }

  onAnswerData(bytes: Buffer): void {
    if (this.stage !== 'body') return;
    if (this.options.grpc === null) {
      const problem = this.readBody(bytes);
      if (problem !== undefined) this.finish(problem);
    } else if (this.kept.length + bytes.length > maxAnswerBytes) this.finish('the answer is too large');
    else this.kept = Buffer.concat([this.kept, bytes]);
  }

  onAnswerEnd(trailers: ReadonlyMap<string, string>): void {
    const { grpc } = this.options;
    if (grpc === null) this.finish(`${this.missing()} before the response ended`);
    else {
      const fields = new Map([...this.fields, ...trailers]);
      this.finish(problemOfAnswer({ status: this.status, fields, body: this.kept }, grpc.service));
    }
  }

  onNoAnswer(problem: string): void {
    this.finish(problem);
  }

  onFail(error: Error): void {
    this.connecting = null;
    this.isRefused = codeOf(error) === 'ECONNREFUSED' || codeOf(error) === 'ENOENT';
    this.finish(`no connection: ${error.message}`, shortageOf(error, this.address.kind));
  }

  onData(chunk: Buffer): void {
    if (this.stage !== 'head' && this.stage !== 'body') return;
    if (this.question !== null) {
      this.question.read(chunk);
      return;
    }
    const verdict = this.stage === 'head' ? this.readHeadPiece(chunk) : this.readBody(chunk);
    if (verdict !== undefined) this.finish(verdict);
  }

  onDrain(): void {}

  onEnd(): void {
    this.finish(`${this.missing()} before the server closed the connection`);
  }

  onClose(error: Error | null): void {
    this.socket = null;
    this.finish(`${this.missing()} before the connection ${error === null ? 'closed' : `broke: ${error.message}`}`);
  }

  private readHeadPiece(chunk: Buffer): ReadProblem {
    const before = this.kept.length;
    const received = append(this.kept, chunk);
    if (
      before >= statusLineBytes &&
      received.length <= maxHeadBytes &&
      !isWorthReading(received, before, this.keptRead)
    ) {
      this.kept = received;
      return undefined;
    }
    this.keptRead = received.length;
    return this.readHead(received);
  }

  private readHead(received: Buffer): ReadProblem {
    for (let bytes = received; ; ) {
      const start = bytes.toString('latin1', 0, statusLineStart.length);
      if (!statusLineStart.startsWith(start)) return 'the answer is not HTTP/1';
      const lineEnd = bytes.indexOf('\r\n');
      const line = lineEnd < 0 ? null : bytes.toString('latin1', 0, lineEnd);
      const status = line === null ? 0 : Number(statusLine.exec(line)?.[1] ?? 0);
      if (line !== null && status === 0) return 'the status line is malformed';
      // An interim response (RFC 9110, 15.2) announces another head; 101 would be the last one.
      const interim = status < 200 && status !== 101;
      if (!interim && !this.isGood(status)) return `status ${status}`;
      const headEnd = bytes.indexOf('\r\n\r\n');
      if (headEnd < 0) {
        this.kept = bytes;
        return bytes.length > maxHeadBytes ? 'the response head is too large' : undefined;
      }
      this.noteDrain(drainLine.exec(bytes.toString('latin1', 0, headEnd + 2))?.[1] ?? '');
      bytes = bytes.subarray(headEnd + 4);
      if (!interim) return this.beginBody(bytes);
    }
  }

  private noteDrain(value: string): void {
    if (value === '1' || value === '0') this.drainAsked = value === '1';
  }

  private isGood(status: number): boolean {
    return this.options.http?.status.some(([from, to]) => from <= status && status <= to) ?? true;
  }

  private beginBody(rest: Buffer): ReadProblem {
    if (this.wanted.length === 0) return null;
    this.stage = 'body';
    this.kept = noBytes;
    return this.readBody(rest);
  }

  private readBody(chunk: Buffer): ReadProblem {
    const piece = chunk.subarray(0, maxBodyBytes - this.bodyBytes);
    this.bodyBytes += piece.length;
    const window = Buffer.concat([this.kept, piece]);
    if (window.includes(this.wanted)) return null;
    if (this.bodyBytes === maxBodyBytes) return 'the first 64 KiB of the body lack the wanted text';
    this.kept = window.subarray(Math.max(0, window.length - this.wanted.length + 1));
  }

  /** What has not come yet, for the reason of a failure. */
  private missing(): string {
    if (this.stage === 'connecting') return 'no connection';
    if (this.stage === 'head') return 'no answer';
    return this.options.grpc === null ? 'the wanted text did not come' : 'no end of the answer';
  }

  private finish(problem: string | null, shortage: string | null = null): void {
    if (this.stage === 'done') return;
    this.release(problem === null);
    this.done(problem, shortage);
  }

  /** A healthy server sees a regular end; any other connection is reset, so that no socket waits for its peer. */
  private release(healthy: boolean): void {
    const { stage, socket } = this;
    this.stage = 'done';
    this.cancelTimer();
    this.kept = noBytes;
    if (stage === 'connecting') this.connecting?.cancel();
    else if (healthy && socket?.pending === 0) socket.close();
    else socket?.destroy();
  }
}

function defaultHost(address: Address): string {
  if (address.kind === 'unix') return 'localhost';
  return formatAddress({ ...address, host: address.name ?? address.host });
}
