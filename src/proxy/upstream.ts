/**
 * One HTTP/1.1 connection to a server: reads responses strictly and gives them to the exchange it serves.
 *
 *      connected ── send ──> busy ── response and request whole ──> idle ── send ──> busy ...
 *                             │ anything else                        │ time-out, FIN, a single byte
 *                             └──────────────> closed <──────────────┘
 *
 * busy, held: the exchange has to ask somebody before the response, or its end, may go on. Nothing is read meanwhile; what
 * comes all the same waits, and so does the end of the connection.
 */
import { serverFaults } from '../errors.ts';
import type { Server } from '../fleet/server.ts';
import { BodyReader } from '../http/body.ts';
import { LF } from '../http/bytes.ts';
import type { HeadWriter } from '../http/writer.ts';
import type { Socket, SocketHandler } from '../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../time/wheel.ts';
import type { Exchange } from './exchange.ts';
import type { Pool } from './pool.ts';
import type { RequestBody } from './request-body.ts';
import type { Work } from './work.ts';

/** A server that sends more interim responses than this before its answer is refused. */
const maxInterim = 16;
/** A piece of body up to this size leaves in one write with what comes before it. */
const joinBytes = 32 * 1024;

export class Upstream implements SocketHandler, DeadlineOwner {
  readonly server: Server;
  readonly socket: Socket;
  /** It has served a request before this one. */
  reused = false;
  /** Bytes of an answer have come for the exchange it serves. */
  answered = false;
  readonly deadline = new Deadline(this);

  private readonly work: Work;
  private readonly pool: Pool;
  private exchange: Exchange | null = null;
  private readonly body = new BodyReader();
  private inBody = false;
  private partial: Buffer | null = null;
  private interim = 0;
  private closed = false;
  /** The server will take another request after this response. */
  private keepAlive = false;
  /** The request's body goes out in chunks. */
  private chunked = false;
  private paused = false;
  /** What waits for `proceed`: the response from its head on, or its end. */
  private held: 'nothing' | 'head' | 'end' = 'nothing';
  /** Its FIN has come, or it is gone, while something was held. */
  private heldEnd = false;
  private heldClose = false;

  constructor(work: Work, pool: Pool, server: Server, socket: Socket) {
    this.work = work;
    this.pool = pool;
    this.server = server;
    this.socket = socket;
  }

  /** Takes the exchange; its request follows by `send`, `data` and `finish`. */
  serve(exchange: Exchange, chunked: boolean): void {
    this.exchange = exchange;
    this.chunked = chunked;
    this.answered = false;
    this.inBody = false;
    this.interim = 0;
    this.held = 'nothing';
    this.heldEnd = this.heldClose = false;
  }

  /** Writes the head that `out` holds, and what has come of the body, in as few writes as can be. False: wait for `onServerDrain`. */
  send(out: HeadWriter, body: RequestBody): boolean {
    for (const piece of body.held) this.put(piece, out);
    if (body.ended && this.chunked) this.putEnd(body.trailers, out);
    return this.socket.writeCopy(out.bytes, out.length);
  }

  /** A piece of the request's body. False: wait for `exchange.onServerDrain`. */
  data(piece: Buffer, out: HeadWriter): boolean {
    if (!this.chunked) return this.socket.write(piece);
    out.clear();
    this.put(piece, out);
    return this.socket.writeCopy(out.bytes, out.length);
  }

  /** The request's body is whole. */
  finish(trailers: Buffer | null, out: HeadWriter): void {
    if (!this.chunked) return;
    out.clear();
    this.putEnd(trailers, out);
    this.socket.writeCopy(out.bytes, out.length);
  }

  private put(piece: Buffer, out: HeadWriter): void {
    if (this.chunked) out.text(`${piece.length.toString(16)}\r\n`);
    if (piece.length <= joinBytes) out.copy(piece, 0, piece.length);
    else {
      this.socket.writeCopy(out.bytes, out.length);
      out.clear();
      this.socket.write(piece);
    }
    if (this.chunked) out.text('\r\n');
  }

  private putEnd(trailers: Buffer | null, out: HeadWriter): void {
    out.text('0\r\n');
    if (trailers !== null) out.copy(trailers, 0, trailers.length);
    out.text('\r\n');
  }

  /** The client is slow: the server has to wait. */
  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  /** The exchange has its answer: what was held goes on. */
  proceed(): void {
    const { held, heldEnd, heldClose } = this;
    const exchange = this.exchange!;
    this.held = 'nothing';
    this.resume();
    if (held === 'head') {
      const bytes = this.partial!;
      this.partial = null;
      const after = this.readHead(exchange, bytes);
      if (after >= 0) this.readBody(exchange, bytes, after);
    } else
      exchange.onResponseEnd(this.body.trailers, this.keepAlive && this.partial === null && !heldEnd && !heldClose);
    // Whoever has the connection now hears how it ended: the response may have been whole before that, or it was not.
    const { handler } = this.socket;
    if (handler === this && this.exchange !== exchange) return;
    if (heldEnd) handler.onEnd();
    if (heldClose) handler.onClose(null);
  }

  private hold(what: 'head' | 'end', bytes: Buffer | null): void {
    this.held = what;
    this.partial = bytes;
    this.pause();
  }

  /** Lets the exchange go. `reusable`: request and response are whole, so the next one may come. */
  release(reusable: boolean): void {
    this.exchange = null;
    this.reused = true;
    this.partial = null;
    // The next exchange must not find it paused: it would wait for an answer that nobody reads.
    this.resume();
    if (!this.closed && reusable && this.pool.keep(this)) return;
    this.close();
  }

  /** The bare connection, for a tunnel. */
  takeSocket(): Socket {
    this.exchange = null;
    this.work.wheel.cancel(this.deadline);
    return this.socket;
  }

  /** Breaks it off: the server sees that nobody waits for its answer any more. */
  discard(): void {
    if (this.leave()) this.socket.destroy();
  }

  /** Ends it in peace. */
  close(): void {
    if (this.leave()) this.socket.close();
  }

  private leave(): boolean {
    if (this.closed) return false;
    this.closed = true;
    this.exchange = null;
    this.work.wheel.cancel(this.deadline);
    return true;
  }

  onData(chunk: Buffer): void {
    const exchange = this.exchange;
    if (exchange === null) {
      // Nobody asked: these bytes would become the answer to the next client (I7).
      this.forget();
      return;
    }
    this.answered = true;
    if (this.held !== 'nothing') {
      this.partial = this.partial === null ? chunk : Buffer.concat([this.partial, chunk]);
      return;
    }
    let bytes = chunk;
    let p = 0;
    if (!this.inBody) {
      if (this.partial !== null) bytes = Buffer.concat([this.partial, chunk]);
      this.partial = null;
      // Nothing new can be read before another line has ended.
      if (bytes !== chunk && !chunk.includes(LF) && bytes.length < this.work.headBytes) {
        this.partial = bytes;
        return;
      }
      p = this.readHead(exchange, bytes);
      if (p < 0) return;
    }
    this.readBody(exchange, bytes, p);
  }

  onDrain(): void {
    this.exchange?.onServerDrain();
  }

  /** FIN. Only a body without any other end may end so; the server will not take another request. */
  onEnd(): void {
    if (this.held !== 'nothing') {
      this.heldEnd = true;
      return;
    }
    const exchange = this.exchange;
    if (exchange !== null && this.inBody && this.body.untilClose) exchange.onResponseEnd(null, false);
    else this.lost();
  }

  onClose(): void {
    if (this.closed) return;
    if (this.held !== 'nothing') {
      this.heldClose = true;
      return;
    }
    this.lost();
    this.closed = true;
  }

  /** Idle for too long. */
  onDeadline(): void {
    this.forget();
  }

  /** Offset of the body, or -1 when there is nothing more to do with these bytes. */
  private readHead(exchange: Exchange, bytes: Buffer): number {
    const head = this.work.response;
    let p = 0;
    for (;;) {
      const after = head.read(bytes, p, bytes.length);
      if (after === 0) {
        this.partial = bytes.subarray(p);
        exchange.flush();
        return -1;
      }
      if (after < 0) {
        const tooLarge = head.fault?.status === 431;
        exchange.failed(tooLarge ? serverFaults.responseHeadTooLarge : serverFaults.badResponse);
        return -1;
      }
      if ((head.status >= 200 || head.status === 101) && exchange.mustHold(head)) {
        // A response that the exchange refuses is held too, until it has dropped the connection.
        if (this.exchange !== null) this.hold('head', bytes.subarray(p));
        return -1;
      }
      if (head.status >= 200) {
        this.inBody = true;
        // A 204 that claims a body may well send one: what follows is not the next answer.
        this.keepAlive = head.keepAlive && !(head.status === 204 && (head.length > 0 || head.length === -1));
        this.body.begin(head.bodyLength(exchange.method));
        exchange.onResponse(head);
        return this.exchange === null ? -1 : after;
      }
      if (head.status === 101) {
        if (exchange.mayUpgrade && head.upgrade)
          exchange.onUpgrade(head, after < bytes.length ? bytes.subarray(after) : null);
        else exchange.failed(serverFaults.badResponse);
        return -1;
      }
      if (++this.interim > maxInterim) {
        exchange.failed(serverFaults.badResponse);
        return -1;
      }
      exchange.onInterim(head);
      p = after;
    }
  }

  private readBody(exchange: Exchange, bytes: Buffer, from: number): void {
    const body = this.body;
    let after = from;
    if (!body.done) {
      after = body.read(bytes, from);
      if (body.dataEnd > body.dataStart && after >= 0) exchange.onResponseData(bytes, body.dataStart, body.dataEnd);
      if (this.exchange === null) return;
      if (after < 0) {
        exchange.failed(serverFaults.badResponseBody);
        return;
      }
    }
    if (body.done && body.word !== null && exchange.mustHoldEnd(body.word)) {
      if (this.exchange === null) return;
      exchange.flush();
      this.hold('end', after === bytes.length ? null : bytes.subarray(after));
      return;
    }
    // Bytes beyond the response belong to nobody: this connection is not used again.
    if (body.done)
      exchange.onResponseEnd(
        body.trailers,
        this.keepAlive && after === bytes.length && !this.heldEnd && !this.heldClose,
      );
    else exchange.flush();
  }

  private lost(): void {
    const exchange = this.exchange;
    if (exchange === null) this.forget();
    else exchange.failed(this.inBody ? serverFaults.bodyCut : serverFaults.closedEarly);
  }

  private forget(): void {
    this.pool.forget(this);
    this.close();
  }
}
