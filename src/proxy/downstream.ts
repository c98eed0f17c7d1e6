/**
 * One HTTP/1.1 connection of a client: reads requests strictly, one exchange at a time, and frames the answers.
 *
 *      head ── head whole ──> exchange ── response and request whole ──> (draining) ──> head ...
 *       │                        │  └── 101 ──> tunnel
 *       └── refused, FIN ──> linger <┘ (cannot go on)
 *
 * draining: the client has not taken its last answer. linger: our FIN is sent, the rest is thrown away.
 */
import { STATUS_CODES } from 'node:http';
import { balancerFaults, type Fault, requestFaults } from '../errors.ts';
import { BodyReader } from '../http/body.ts';
import { LF } from '../http/bytes.ts';
import { forwardedLines, headerSays, writeForwarded, writeForwardedFor } from '../http/forwarded.ts';
import { Method, type RequestHead, type ResponseHead } from '../http/head.ts';
import { cutContentLength } from '../http/hop-headers.ts';
import { Name } from '../http/names.ts';
import type { Splice } from '../http/splice.ts';
import type { HeadWriter } from '../http/writer.ts';
import { counter } from '../metrics/counters.ts';
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../time/wheel.ts';
import type { Client } from './client.ts';
import { errorBody } from './error-page.ts';
import type { Exchange } from './exchange.ts';
import type { Work } from './work.ts';

/** What all connections of a listener share. Times are milliseconds. */
export interface ListenerSettings {
  /** As it is shown in the log. */
  readonly name: string;
  readonly isTrusted: (address: string) => boolean;
  readonly upgrades: readonly string[];
  readonly halfClose: boolean;
  readonly bodyBytes: number;
  readonly timeouts: {
    readonly requestHead: number;
    readonly requestBody: number;
    readonly keepAlive: number;
    readonly write: number;
  };
  /** Told when the connection is gone. */
  readonly onClose: (connection: Downstream) => void;
}

/** A client that goes on sending after our FIN is listened to for this long: closing at once would lose the answer (RFC 9112 section 9.6). */
const lingerTime = 2000;
/** Pipelined bytes held before the socket is paused. */
const maxHeld = 16 * 1024;
/** A body up to this size leaves in one write with its head. */
const joinBytes = 32 * 1024;

type State = 'head' | 'exchange' | 'draining' | 'tunnel' | 'linger' | 'closed';

export class Downstream implements SocketHandler, DeadlineOwner, Client {
  readonly peer: string;
  readonly trusted: boolean;
  readonly secure: boolean;
  private readonly work: Work;
  private readonly settings: ListenerSettings;
  private readonly socket: Socket;
  private readonly deadline = new Deadline(this);
  private state: State = 'head';
  private exchange: Exchange | null = null;
  /** The beginning of a head; its time runs from the first byte. */
  private partial: Buffer | null = null;
  private headBegun = false;
  /** Bytes of requests that are not due yet. */
  private held: Buffer | null = null;
  private paused = false;
  private body: BodyReader | null = null;
  private bodyBytes = 0;
  /** All of the current request has come. */
  private requestWhole = true;
  private minor = 1;
  private method: number = Method.get;
  /** This connection goes on after the current response. */
  private keepAlive = true;
  private chunked = false;
  /** The response has a body whose end can only be told by closing. */
  private untilClose = false;
  private consuming = false;
  private ended = false;
  private forwarded: string | null = null;
  /** Bytes that the client had not taken when we last looked. */
  private lastPending = 0;

  constructor(work: Work, settings: ListenerSettings, socket: Socket) {
    this.work = work;
    this.settings = settings;
    this.socket = socket;
    this.peer = socket.remoteAddress;
    this.trusted = settings.isTrusted(this.peer);
    this.secure = socket.secure;
    work.wheel.set(this.deadline, settings.timeouts.requestHead);
  }

  get listener(): string {
    return this.settings.name;
  }

  get isTrusted(): (address: string) => boolean {
    return this.settings.isTrusted;
  }

  get bodyTimeout(): number {
    return this.settings.timeouts.requestBody;
  }

  get pending(): number {
    return this.socket.pending;
  }

  get writeTimeout(): number {
    return this.settings.timeouts.write;
  }

  // What the socket says.

  onData(chunk: Buffer): void {
    if (this.state === 'linger' || this.state === 'closed') return;
    if (this.held !== null || this.state === 'draining') this.hold(chunk);
    else this.consume(chunk);
  }

  onDrain(): void {
    if (this.state === 'linger') this.work.wheel.set(this.deadline, lingerTime);
    else if (this.state === 'draining') this.ready();
    this.exchange?.onClientDrain();
  }

  /** FIN. After a whole request it means that the client has gone, unless the listener believes in half-close. */
  onEnd(): void {
    this.ended = true;
    if (this.exchange === null) {
      this.closeSocket();
      return;
    }
    if (this.settings.halfClose && this.requestWhole) {
      this.keepAlive = false;
      return;
    }
    this.socket.destroy();
  }

  onClose(): void {
    if (this.state === 'closed') return;
    this.enter('closed');
    this.work.wheel.cancel(this.deadline);
    this.held = this.partial = null;
    this.exchange?.onClientGone();
    this.settings.onClose(this);
  }

  onDeadline(): void {
    const { pending } = this.socket;
    if (pending > 0 && pending < this.lastPending) {
      // It takes something: a slow client, not one that is gone.
      this.lastPending = pending;
      this.work.wheel.set(this.deadline, this.settings.timeouts.write);
    } else if (pending > 0) this.socket.destroy();
    else if (this.partial !== null) this.refuseHead(requestFaults.requestTimeout);
    else this.closeSocket();
  }

  /** One connection too many: told so, as long as there is time for that. */
  refuseConnection(): void {
    this.refuseHead(balancerFaults.tooManyConnections);
  }

  /** Ends the connection as soon as nothing is under way. */
  stop(): void {
    this.keepAlive = false;
    if (this.state === 'head' && this.partial === null) this.closeSocket();
  }

  /** Ends it now. */
  destroy(): void {
    this.socket.destroy();
  }

  // Reading requests.

  private consume(chunk: Buffer): void {
    let bytes = chunk;
    let p = 0;
    this.consuming = true;
    while (p < bytes.length) {
      if (this.state === 'head') {
        if (this.partial !== null) {
          // Nothing new can be read before another line has ended.
          const whole = Buffer.concat([this.partial, bytes]);
          if (!bytes.includes(LF) && whole.length < this.work.headBytes) {
            this.partial = whole;
            break;
          }
          bytes = whole;
          this.partial = null;
        }
        p = this.readHead(bytes, p);
        if (p < 0) break;
      } else if (this.state === 'exchange' && !this.requestWhole) {
        p = this.readBody(bytes, p);
        if (p < 0) break;
      } else if (this.state === 'exchange') {
        this.hold(bytes.subarray(p));
        break;
      } else break;
    }
    this.consuming = false;
  }

  /** Offset after the head and what has come of the body; -1 when there is nothing more to read. */
  private readHead(bytes: Buffer, start: number): number {
    const { work, settings } = this;
    const head = work.request;
    work.current = null;
    const after = head.read(bytes, start, bytes.length);
    if (after === 0) {
      // From the first byte of a head on, the client has so long for all of it.
      if (!this.headBegun) work.wheel.set(this.deadline, settings.timeouts.requestHead);
      this.headBegun = true;
      this.partial = start === 0 ? bytes : bytes.subarray(start);
      return -1;
    }
    if (after < 0) {
      work.counters.add(counter.requests);
      this.refuseHead(head.fault!);
      return -1;
    }
    if (settings.bodyBytes > 0 && head.length > settings.bodyBytes) {
      work.counters.add(counter.requests);
      this.refuseHead(requestFaults.bodyTooLarge);
      return -1;
    }
    work.wheel.set(this.deadline, 0);
    this.headBegun = false;
    this.enter('exchange');
    this.minor = head.minor;
    this.method = head.method;
    this.keepAlive = head.keepAlive && !work.stopping;
    this.requestWhole = head.length === 0;
    this.chunked = this.untilClose = false;
    const upgrade = head.upgrade && settings.upgrades.some((name) => headerSays(head.headers, Name.upgrade, name));
    const exchange = work.takeExchange();
    this.exchange = exchange;
    exchange.begin(this, head, bytes, start, upgrade);
    let p = after;
    if (!this.requestWhole && this.exchange !== null) {
      this.bodyBytes = 0;
      this.body ??= new BodyReader();
      this.body.begin(head.length);
      if (p < bytes.length) p = this.readBody(bytes, p);
    }
    if (this.exchange === exchange) exchange.start();
    return p;
  }

  private readBody(bytes: Buffer, start: number): number {
    const exchange = this.exchange!;
    const body = this.body!;
    const after = body.read(bytes, start);
    if (after < 0) {
      exchange.onRequestFault(body.fault!);
      return -1;
    }
    const size = body.dataEnd - body.dataStart;
    this.bodyBytes += size;
    if (this.settings.bodyBytes > 0 && this.bodyBytes > this.settings.bodyBytes) {
      exchange.onRequestFault(requestFaults.bodyTooLarge);
      return -1;
    }
    if (body.done) this.requestWhole = true;
    if (size > 0) exchange.onRequestData(bytes.subarray(body.dataStart, body.dataEnd));
    if (body.done && this.exchange === exchange) exchange.onRequestEnd(body.trailers);
    return after;
  }

  private hold(bytes: Buffer): void {
    this.held = this.held === null ? bytes : Buffer.concat([this.held, bytes]);
    if (this.held.length > maxHeld) this.pauseBody();
  }

  /** A head that no exchange can be made of: answered, and the connection ends, because what follows cannot be trusted. */
  private refuseHead(fault: Fault): void {
    this.partial = null;
    this.keepAlive = false;
    this.requestWhole = false;
    this.minor = 1;
    this.method = Method.get;
    this.work.counters.refused(fault);
    this.work.counters.responded(fault.status);
    this.writeFault(fault, null, 0);
    this.linger();
  }

  // What the exchange says (`Client`).

  writeForwarded(head: RequestHead, out: HeadWriter): void {
    if (this.trusted) writeForwardedFor(head, this.peer, this.secure, out);
    else {
      this.forwarded ??= forwardedLines(this.peer, this.secure);
      writeForwarded(head, this.forwarded, out);
    }
  }

  inform(head: ResponseHead, edit: Splice): void {
    // HTTP/1.0 has no interim responses (RFC 9110 section 15.2).
    if (this.minor === 0) return;
    const out = this.work.toClient;
    out.clear();
    cutContentLength(head.headers, edit);
    this.writeHead(head, edit, out);
    out.text('\r\n');
    this.socket.writeCopy(out.bytes, out.length);
    out.clear();
  }

  respond(head: ResponseHead, edit: Splice, length: number): void {
    const out = this.work.toClient;
    out.clear();
    const hasBody = this.method !== Method.head && head.status !== 204 && head.status !== 304;
    if (head.status === 204) cutContentLength(head.headers, edit);
    this.writeHead(head, edit, out);
    // RFC 9110 section 6.6.1: whoever passes on a response without a date gives it one.
    if (!head.headers.has(Name.date)) out.text(`Date: ${this.work.date()}\r\n`);
    if (length < 0 && hasBody) {
      this.chunked = this.minor === 1;
      this.untilClose = this.minor === 0;
      if (this.chunked) out.text('Transfer-Encoding: chunked\r\n');
    }
    // A body that the client still sends when its answer is over would be read as its next request.
    if (this.untilClose || this.work.stopping || this.ended) this.keepAlive = false;
    this.writeConnection(out);
    out.text('\r\n');
  }

  data(bytes: Buffer, start: number, end: number): boolean {
    const { socket } = this;
    const out = this.work.toClient;
    const size = end - start;
    if (this.chunked) out.text(`${size.toString(16)}\r\n`);
    if (size <= joinBytes) {
      out.copy(bytes, start, end);
      if (this.chunked) out.text('\r\n');
      // Small pieces wait for the flush at the end of this read; slowness shows then or with the next one.
      if (out.length < joinBytes) return socket.pending === 0;
      return this.writeOut();
    }
    this.writeOut();
    const room = socket.write(bytes.subarray(start, end));
    if (this.chunked) out.text('\r\n');
    return room;
  }

  finish(trailers: Buffer | null): void {
    const out = this.work.toClient;
    if (this.chunked) {
      out.text('0\r\n');
      if (trailers !== null) out.copy(trailers, 0, trailers.length);
      out.text('\r\n');
    }
    this.writeOut();
  }

  flush(): void {
    this.writeOut();
  }

  refuse(fault: Fault, accept: string | null, retryAfter: number): void {
    if (!this.requestWhole || fault.side === 'client') this.keepAlive = false;
    this.writeFault(fault, accept, retryAfter);
  }

  cut(): void {
    this.keepAlive = false;
    this.held = null;
    this.work.toClient.clear();
    this.socket.destroy();
  }

  pauseBody(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resumeBody(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  takeSocket(): { socket: Socket; early: Buffer | null } {
    const early = this.held;
    this.held = null;
    this.resumeBody();
    this.enter('tunnel');
    return { socket: this.socket, early };
  }

  /** The exchange is over: the next request, if there can be one. */
  next(): void {
    this.exchange = null;
    if (this.state === 'tunnel') {
      this.enter('closed');
      this.work.wheel.cancel(this.deadline);
      this.settings.onClose(this);
      return;
    }
    if (this.state !== 'exchange') return;
    if (!this.keepAlive || !this.requestWhole || this.work.stopping) {
      this.linger();
      return;
    }
    if (this.socket.pending > 0) {
      // A client that asks on and takes no answer would fill our memory with answers.
      this.enter('draining');
      this.awaitDrain(this.settings.timeouts.write);
      this.pauseBody();
    } else this.ready();
  }

  /** Reads the next request, or what has come of it. */
  private ready(): void {
    this.enter('head');
    this.work.wheel.set(this.deadline, this.settings.timeouts.keepAlive);
    this.resumeBody();
    const held = this.held;
    if (held === null || this.consuming) return;
    this.held = null;
    this.consume(held);
  }

  // Writing answers.

  private writeHead(head: ResponseHead, edit: Splice, out: HeadWriter): void {
    out.text('HTTP/1.1 ');
    out.copy(head.bytes, head.statusStart, head.statusEnd);
    out.text(head.statusEnd - head.statusStart === 3 ? ' \r\n' : '\r\n');
    edit.write(head.bytes, head.headers.start, head.headers.end, out);
    edit.writeAdded(out);
  }

  /** Says what becomes of the connection where the version's default is another (RFC 9112 section 9.3). */
  private writeConnection(out: HeadWriter): void {
    if (!this.requestWhole && this.exchange === null) this.keepAlive = false;
    if (!this.keepAlive) out.text('Connection: close\r\n');
    else if (this.minor === 0) out.text('Connection: keep-alive\r\n');
  }

  private writeFault(fault: Fault, accept: string | null, retryAfter: number): void {
    const { type, body } = errorBody(fault, accept);
    const out = this.work.toClient;
    out.clear();
    out.text(
      `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? ''}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n`,
    );
    out.text(`Date: ${this.work.date()}\r\nCache-Control: no-store\r\nLimpet-Reason: ${fault.code}\r\n`);
    if (retryAfter > 0) out.text(`Retry-After: ${retryAfter}\r\n`);
    this.writeConnection(out);
    out.text('\r\n');
    if (this.method !== Method.head) out.copy(body, 0, body.length);
    this.writeOut();
  }

  private writeOut(): boolean {
    const out = this.work.toClient;
    if (out.length === 0) return this.socket.pending === 0;
    const room = this.socket.writeCopy(out.bytes, out.length);
    out.clear();
    return room;
  }

  /** FIN, then wait for the client's: what it still sends is read and thrown away. */
  private linger(): void {
    this.held = this.partial = null;
    if (this.ended) {
      this.closeSocket();
      return;
    }
    this.enter('linger');
    this.resumeBody();
    this.awaitDrain(lingerTime);
    this.socket.end();
  }

  /** Closes once everything is written; a client that takes nothing does not hold it open. */
  private closeSocket(): void {
    this.enter('linger');
    this.awaitDrain(lingerTime);
    this.socket.close();
  }

  /** What the client has not taken yet is still its answer: it gets the write time-out for that, else `idle`. */
  private awaitDrain(idle: number): void {
    this.lastPending = this.socket.pending;
    this.work.wheel.set(this.deadline, this.lastPending > 0 ? this.settings.timeouts.write : idle);
  }

  private enter(state: State): void {
    this.state = state;
  }
}
