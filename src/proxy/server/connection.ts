/**
 * One HTTP/1.1 connection to a server: reads responses strictly and gives them to the exchange it serves.
 *
 *      connected ── send ──> busy ── response and request whole ──> idle ── send ──> busy ...
 *                             │ anything else              (idle-connections.ts) │ time-out, FIN, a single byte
 *                             └──────────────> closed <──────────────┘
 *
 * Requests that have come whole, and are small, leave when the loop turn is over: a server that is woken by the first of them
 * is still awake for the others, and to wake it is what a write costs most. In a pool that pipelines, those that may (pipelining-guard.ts)
 * share a connection to one server and a write (RFC 9112 section 9.3.2):
 *
 *      gather, gather, gather ──> one write ──> answers in order: the first is read, the others are `behind`
 *
 * Those behind never wait for anything but small answers: when the first one is slow, long or of unknown length, or its
 * client is, or the connection breaks, they are repeated at once on connections of their own, and others go alone for a
 * while (pipelining-guard.ts).
 *
 * What comes before a request has been written answers nothing, whatever it looks like. Where an answer has no body, or does not
 * tell how long it is, what comes behind it may be its own although it may not be there: those behind are repeated (I7).
 *
 * busy, held: the exchange has to ask somebody before the response, or its end, may go on. Nothing is read meanwhile; what
 * comes all the same waits, and so does the end of the connection.
 */
import { balancerFaults, serverFaults } from '../../errors.ts';
import type { Server } from '../../fleet/server.ts';
import { BodyLength, BodyReader } from '../../http/body.ts';
import { append, isWorthReading } from '../../http/pieces.ts';
import type { HeadWriter } from '../../http/writer.ts';
import { counter } from '../../metrics/counters.ts';
import { keepable, type Socket, type SocketHandler } from '../../net/socket.ts';
import { Deadline, type DeadlineOwner } from '../../time/wheel.ts';
import { BufferAccount, type BufferOwner } from '../buffer-budget.ts';
import { DelayedReset } from '../delayed-reset.ts';
import type { RequestBody } from '../request-body.ts';
import type { WorkerContext } from '../worker-context.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { DelayedEnd } from './delayed-end.ts';
import { DrainHandler } from './drain-handler.ts';
import { shortResponseBytes } from './pipelining-guard.ts';
import type { PoolContext } from './pool-context.ts';
import type { ResponseHandler } from './response-handler.ts';

/** `limits.interim` holds for this long (ms). */
const interimTime = 1000;
/** A piece of body up to this size leaves in one write with what comes before it. */
const joinBytes = 32 * 1024;
/** Those behind wait for the first answer this long (ms). */
const turnTime = 200;
/** A server that takes nothing for so long (ms) does not get the rest of a request whose client has gone. */
const lateTime = 10_000;
const noBytes = Buffer.alloc(0);

export class ServerConnection implements SocketHandler, DeadlineOwner, BufferOwner {
  readonly server: Server;
  readonly socket: Socket;
  /** `Server.moves` when it was made. */
  readonly moves: number;
  /** It has served a request before this one. */
  reused = false;
  /** It has to rest before another client may have it (idle-connections.ts), and has not done so. */
  quarantined = false;
  /** Milliseconds, monotonic: the wheel's time is behind by as much as the event loop is. */
  quarantinedUntil = 0;
  /** Of the last exchange, see `ResponseHandler`. */
  clientNumber = 0;
  /** Bytes of an answer have come for the exchange it serves. */
  responseStarted = false;
  readonly deadline = new Deadline(this);

  private readonly context: PoolContext;
  private readonly worker: WorkerContext;
  private readonly pool: ConnectionOwner;
  private readonly keeping: BufferAccount;
  private exchange: ResponseHandler | null = null;
  /** Requests that have gone out behind it, in order. */
  private pipelined: ResponseHandler[] = [];
  /** Requests of this loop turn, not written yet; `mayPipeline`: others may come behind them. */
  private gathered: HeadWriter | null = null;
  private mayPipeline = false;
  private readonly body = new BodyReader();
  private inBody = false;
  private partial: Buffer | null = null;
  /** Bytes of it when it was read last. */
  private partialRead = 0;
  /** Interim responses since `interimSince`, a time of the wheel. */
  private interim = 0;
  private interimSince = 0;
  /** Of the answer's body, so far. */
  private answerBytes = 0;
  /** The answer, or an interim one, has no body: only the rules of HTTP say that nothing of it is still to come. */
  private bodiless = false;
  private closed = false;
  /** The server will take another request after this response. */
  private keepAlive = false;
  /** The request's body goes out in chunks. */
  private chunked = false;
  /** All of the current request has been written. */
  private requestWhole = false;
  private paused = false;
  /** What waits for `resumeHeld`: the response from its head on, or its end. */
  private held: 'nothing' | 'head' | 'end' = 'nothing';
  /** Its FIN has come, or it is gone, while something was held. */
  private heldEnd = false;
  private heldClose = false;
  /** Answers may still come that nobody waits for: the connection ends with the one that is read now. */
  private last = false;
  /** Why it is over, once it is, for the log. */
  private ending = 'it is not needed any more';

  constructor(context: PoolContext, pool: ConnectionOwner, server: Server, socket: Socket) {
    const { worker } = context;
    this.context = context;
    this.worker = worker;
    this.pool = pool;
    this.server = server;
    this.moves = server.moves;
    this.socket = socket;
    this.keeping = new BufferAccount(worker.buffers, this);
    socket.charge(this.keeping);
  }

  /** There is no room for what is kept on this connection (buffer-budget.ts). */
  onBuffersFull(): void {
    if (this.exchange === null) this.closeIdle();
    else this.exchange.onServerFault(balancerFaults.buffersFull);
    this.reset();
    // It may have been left to deliver what it keeps.
    this.socket.destroy();
  }

  private keepPartial(bytes: Buffer | null): void {
    this.keeping.addBuffered((bytes?.length ?? 0) - (this.partial?.length ?? 0));
    this.partial = bytes === null ? null : keepable(bytes);
  }

  /** Takes the exchange; its request follows by `send`, `data` and `finish`. */
  begin(exchange: ResponseHandler, chunked: boolean): void {
    this.chunked = chunked;
    this.requestWhole = false;
    this.turnTo(exchange);
  }

  /** The next answer is for this one. */
  private turnTo(exchange: ResponseHandler): void {
    this.exchange = exchange;
    this.responseStarted = false;
    this.inBody = false;
    this.interim = 0;
    this.answerBytes = 0;
    this.bodiless = false;
    this.held = 'nothing';
    this.heldEnd = this.heldClose = false;
  }

  /** Nothing has gone out yet of the requests that it has. */
  get isUnwritten(): boolean {
    return this.gathered !== null;
  }

  /** And more of them may come. */
  get isGathering(): boolean {
    return this.isUnwritten && this.mayPipeline && !this.closed;
  }

  /** Requests under way on this connection. */
  get depth(): number {
    return this.exchange === null ? 0 : 1 + this.pipelined.length;
  }

  /**
   * Takes the exchange: its whole request is to be written into the answer at once. `mayPipeline`: its request is safe and has no
   * body, so that it may go behind others like it, and they behind it.
   */
  gather(exchange: ResponseHandler, chunked: boolean, mayPipeline: boolean): HeadWriter {
    if (this.exchange === null) {
      this.begin(exchange, chunked);
      this.mayPipeline = mayPipeline;
    } else {
      if (this.pipelined.length === 0) this.worker.wheel.set(this.deadline, turnTime);
      this.pipelined.push(exchange);
      this.worker.counters.add(counter.upstream_pipelined);
    }
    if (this.gathered === null) {
      this.gathered = this.context.requests.takeWriter();
      this.context.requests.add(this);
    }
    return this.gathered;
  }

  /** The loop turn is over. */
  writeGathered(): void {
    const requests = this.gathered!;
    this.gathered = null;
    if (!this.closed) this.socket.writeCopy(requests.bytes, requests.length);
    this.context.requests.returnWriter(requests);
  }

  /** Writes the head that `out` holds, and what has come of the body, in as few writes as can be. False: wait for `onServerDrain`. */
  send(out: HeadWriter, body: RequestBody): boolean {
    this.appendBody(body, out);
    return this.socket.writeCopy(out.bytes, out.length);
  }

  /** What has come of the body, behind the head that `out` holds. */
  appendBody(body: RequestBody, out: HeadWriter): void {
    for (const piece of body.held) this.put(piece, out);
    this.requestWhole = body.ended;
    if (body.ended && this.chunked) this.putEnd(body.trailers, out);
  }

  /** A piece of the request's body. False: wait for `exchange.onServerDrain`. */
  sendData(piece: Buffer, out: HeadWriter): boolean {
    if (!this.chunked) return this.socket.write(piece);
    out.clear();
    this.put(piece, out);
    return this.socket.writeCopy(out.bytes, out.length);
  }

  /** The request's body is whole. */
  finish(trailers: Buffer | null, out: HeadWriter): void {
    this.requestWhole = true;
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
    this.requeue();
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  /** The exchange has its answer: what was held goes on. */
  resumeHeld(): void {
    const { held, heldEnd, heldClose, partial } = this;
    this.held = 'nothing';
    if (partial !== null) this.keepPartial(null);
    this.resume();
    if (held === 'end') this.endAnswer(this.exchange!, partial ?? noBytes, 0, !heldEnd && !heldClose);
    if (partial !== null && this.exchange !== null) this.consume(partial);
    // Whoever has the connection now hears how it ended: the response may have been whole before that, or it was not.
    const { handler } = this.socket;
    if (handler === this && this.exchange === null) return;
    if (heldEnd) handler.onEnd();
    if (heldClose) handler.onClose(null);
  }

  private hold(what: 'head' | 'end', bytes: Buffer | null): void {
    this.held = what;
    this.keepPartial(bytes);
    // Those behind wait, too: it is not for long, and what they have asked may be answered already.
    this.paused = true;
    this.socket.pause();
  }

  /** Lets the exchange go. `reusable`: request and response are whole, so the next one may come. */
  release(reusable: boolean): void {
    this.clientNumber = this.exchange?.clientNumber ?? 0;
    this.exchange = null;
    this.reused = true;
    if (this.partial !== null) this.keepPartial(null);
    // The next exchange must not find it paused: it would wait for an answer that nobody reads.
    this.resume();
    if (!this.closed && reusable) {
      if (this.pipelined.length > 0) {
        this.pool.pipeliningGuardOf(this.server).onResponse(this.answerBytes);
        this.turnTo(this.pipelined.shift()!);
        this.worker.wheel.set(this.deadline, this.pipelined.length > 0 ? turnTime : 0);
        return;
      }
      const { misframed } = this.server;
      if (misframed && this.bodiless) {
        // Broken off, because ports are few when every such answer costs a connection.
        this.reset();
        return;
      }
      // One that has not rested yet has proved nothing: what was there for its last answer may still come.
      if (misframed || this.bodiless) this.quarantined = true;
      if (this.pool.addIdle(this)) return;
    }
    this.close();
  }

  /** The bare connection, for a tunnel. */
  takeSocket(): Socket {
    this.requeue();
    this.exchange = null;
    this.worker.wheel.cancel(this.deadline);
    return this.socket;
  }

  /** The client of this exchange has gone. With others on the connection, only its answer is thrown away. */
  cancel(exchange: ResponseHandler): void {
    if (this.exchange === exchange && (!this.requestWhole || this.socket.pending > 0)) this.resetDelayed();
    else if (this.pipelined.length === 0 || this.held !== 'nothing') this.abort(exchange);
    else if (this.exchange === exchange) this.exchange = new DrainHandler(this, exchange.method);
    else this.drain(exchange);
  }

  /** The exchange has failed: so has the connection, if the answer that is read now is its own. */
  abort(exchange: ResponseHandler): void {
    if (this.exchange === exchange) this.reset();
    else this.drain(exchange);
  }

  private drain(exchange: ResponseHandler): void {
    const i = this.pipelined.indexOf(exchange);
    if (i >= 0) this.pipelined[i] = new DrainHandler(this, exchange.method);
  }

  /** Breaks it off: the server sees that nobody waits for its answer any more. */
  reset(): void {
    if (!this.leave()) return;
    this.socket.destroy();
    this.requeue();
  }

  /** The same, when the server has got what came of the request: an upload that broke off may go on from there another time. */
  private resetDelayed(): void {
    if (!this.leave()) return;
    if (this.requestWhole) new DelayedReset(this.worker, this.socket, lateTime, () => {});
    else new DelayedEnd(this.worker.wheel, this.socket);
    this.requeue();
  }

  /** Ends it in peace. */
  close(): void {
    if (!this.leave()) return;
    this.socket.close();
    this.requeue();
  }

  private leave(): boolean {
    if (this.closed) return false;
    this.closed = true;
    this.worker.debug?.lost(this.pool.settings.name, this.server, this.ending);
    this.exchange = null;
    if (this.partial !== null) this.keepPartial(null);
    this.worker.wheel.cancel(this.deadline);
    return true;
  }

  /** Those behind are repeated elsewhere; what the server still sends for them is not read. */
  private requeue(): void {
    if (this.pipelined.length === 0) return;
    const { pipelined } = this;
    this.pipelined = [];
    this.pool.pipeliningGuardOf(this.server).onRequeue();
    this.last = true;
    this.worker.counters.add(counter.upstream_requeued, pipelined.length);
    for (const exchange of pipelined) exchange.onRequeued();
    // Not even the first one waits for its answer.
    if (this.exchange instanceof DrainHandler) this.reset();
  }

  onData(chunk: Buffer): void {
    if (this.closed) return;
    if (this.exchange === null || this.isUnwritten) {
      // Nobody has asked, or what has been asked has not gone out yet: these bytes answer nothing (I7).
      this.onUnsolicited(chunk, 0);
      this.onLost();
      return;
    }
    if (this.held !== 'nothing') {
      this.keepPartial(this.partial === null ? chunk : append(this.partial, chunk));
      return;
    }
    let bytes = chunk;
    if (this.partial !== null) {
      const before = this.partial.length;
      bytes = append(this.partial, chunk);
      if (bytes.length < this.context.maxHeadBytes && !isWorthReading(bytes, before, this.partialRead)) {
        this.keepPartial(bytes);
        return;
      }
      this.keepPartial(null);
    }
    this.consume(bytes);
  }

  private consume(bytes: Buffer): void {
    let p = 0;
    do {
      const exchange: ResponseHandler = this.exchange!;
      this.responseStarted = true;
      if (!this.inBody) {
        p = this.readHead(exchange, bytes, p);
        if (p < 0) return;
      }
      p = this.readBody(exchange, bytes, p);
      // Another answer begins in these bytes only for one behind, who has his turn now.
    } while (p >= 0 && p < bytes.length && this.exchange !== null);
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
    this.ending = 'the server has ended it';
    if (exchange !== null && this.inBody && this.body.untilClose) exchange.onResponseEnd(null, false);
    else this.onLost();
  }

  onClose(error: Error | null): void {
    if (this.closed) return;
    this.ending = error === null ? 'it was closed' : error.message;
    if (this.held !== 'nothing') {
      this.heldClose = true;
      return;
    }
    this.onLost();
    this.closed = true;
    if (this.partial !== null) this.keepPartial(null);
  }

  /** Idle for long enough, or too long; or the first answer is, and others wait behind it. */
  onDeadline(): void {
    if (this.exchange !== null) this.requeue();
    else if (this.quarantined) this.wake();
    else {
      this.ending = 'it was idle for timeouts.keepAlive';
      this.closeIdle();
    }
  }

  /** It has rested without a byte, and is as good as any. */
  private wake(): void {
    const left = this.quarantinedUntil - this.worker.clock.monotonic();
    if (left > 0) {
      this.worker.wheel.set(this.deadline, left);
      return;
    }
    this.pool.removeIdle(this);
    this.quarantined = false;
    if (!this.pool.addIdle(this)) this.close();
  }

  /** Offset of the body, or -1 when there is nothing more to do with these bytes. */
  private readHead(exchange: ResponseHandler, bytes: Buffer, from: number): number {
    const head = this.context.responseHead;
    let p = from;
    for (;;) {
      const after = head.read(bytes, p, bytes.length);
      if (after === 0) {
        this.keepPartial(bytes.subarray(p));
        this.partialRead = bytes.length - p;
        exchange.flush();
        return -1;
      }
      if (after < 0) {
        const tooLarge = head.fault?.status === 431;
        if (!tooLarge) this.pool.onMisframed(this, 'a response that is not HTTP');
        exchange.onServerFault(tooLarge ? serverFaults.responseHeadTooLarge : serverFaults.badResponse);
        return -1;
      }
      if ((head.status >= 200 || head.status === 101) && exchange.mustHold(head)) {
        // A response that the exchange refuses is held too, until it has dropped the connection.
        if (this.exchange === exchange) this.hold('head', bytes.subarray(p));
        return -1;
      }
      if (head.status >= 200) {
        this.inBody = true;
        // A 204 that claims a body may well send one: what follows is not the next answer.
        this.keepAlive = head.keepAlive && !(head.status === 204 && (head.length > 0 || head.length === -1));
        const length = head.bodyLength(exchange.method);
        if (length === BodyLength.untilClose && this.hasOthers) {
          // A server that does not close after it would give the answers behind it to the wrong client.
          this.repeatAll(exchange);
          return -1;
        }
        if (length === 0) this.bodiless = true;
        this.body.begin(length);
        exchange.onResponse(head);
        return this.exchange === exchange ? after : -1;
      }
      if (head.status === 101) {
        if (exchange.mayUpgrade && head.upgrade)
          exchange.onUpgrade(head, after < bytes.length ? bytes.subarray(after) : null);
        else {
          this.pool.onMisframed(this, 'an upgrade that was not asked for');
          exchange.onServerFault(serverFaults.badResponse);
        }
        return -1;
      }
      if (this.hasOthers) {
        // What a server adds to an interim response would be the answer, and could hold those behind it.
        this.repeatAll(exchange);
        return -1;
      }
      this.bodiless = true;
      if (this.isInterimFlood()) {
        exchange.onServerFault(serverFaults.tooManyInterim);
        return -1;
      }
      exchange.onInterim(head);
      p = after;
    }
  }

  /** An interim response has come: any number may, if they take their time. */
  private isInterimFlood(): boolean {
    const { now } = this.worker.wheel;
    if (this.interim === 0 || now - this.interimSince >= interimTime) {
      this.interim = 0;
      this.interimSince = now;
    }
    return ++this.interim > this.pool.settings.limits.interim;
  }

  /** Offset after the answer; -1 when it is not whole, or the connection is not the exchange's any more. */
  private readBody(exchange: ResponseHandler, bytes: Buffer, from: number): number {
    const body = this.body;
    let after = from;
    if (!body.done) {
      after = body.read(bytes, from);
      this.answerBytes += body.dataEnd - body.dataStart;
      if (body.dataEnd > body.dataStart) exchange.onResponseData(bytes, body.dataStart, body.dataEnd);
      if (this.exchange !== exchange) return -1;
      if (after < 0) {
        this.pool.onMisframed(this, 'a body that is not HTTP');
        exchange.onServerFault(serverFaults.badResponseBody);
        return -1;
      }
    }
    if (body.done && body.command !== null && exchange.mustHoldEnd(body.command)) {
      if (this.exchange !== exchange) return -1;
      exchange.flush();
      this.hold('end', after === bytes.length ? null : bytes.subarray(after));
      return -1;
    }
    if (!body.done) {
      if (!body.endsWithin(shortResponseBytes)) this.requeue();
      exchange.flush();
      return -1;
    }
    this.endAnswer(exchange, bytes, after, !this.heldEnd && !this.heldClose);
    return after;
  }

  /** The answer is whole, and ends at `after`. `open`: the server has not ended the connection. */
  private endAnswer(exchange: ResponseHandler, bytes: Buffer, after: number, open: boolean): void {
    // What comes behind it is for the one behind, if there can be no doubt of that; or it is nobody's.
    const more = after < bytes.length;
    const shared = this.pipelined.length > 0;
    if (more && !shared && !this.last) this.onUnsolicited(bytes, after);
    const inStep = shared ? !this.bodiless : !more;
    exchange.onResponseEnd(this.body.trailers, this.keepAlive && inStep && !this.last && open);
  }

  /** Bytes that answer nothing. Some servers say 408 before they close an idle connection (RFC 9110 section 15.5.9). */
  private onUnsolicited(bytes: Buffer, from: number): void {
    if (!this.bodiless && /^HTTP\/1\.[0-9] 408/.test(bytes.toString('latin1', from, from + 12))) return;
    this.pool.onMisframed(this, 'bytes that answer nothing');
  }

  /** Answers of others may come behind this one, also of those that have given way. */
  private get hasOthers(): boolean {
    return this.pipelined.length > 0 || this.last;
  }

  private repeatAll(exchange: ResponseHandler): void {
    this.reset();
    exchange.onRequeued();
  }

  private onLost(): void {
    const exchange = this.exchange;
    if (exchange === null) this.closeIdle();
    else exchange.onServerFault(this.inBody ? serverFaults.bodyCut : serverFaults.closedEarly);
  }

  private closeIdle(): void {
    this.pool.removeIdle(this);
    this.close();
  }
}
