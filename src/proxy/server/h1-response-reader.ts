/**
 * Reads the responses of one HTTP/1.1 connection out of its bytes, strictly, and reports each to the handler of its request:
 *
 *      idle ── begin ──> head ── final head ──> body ── complete ──> end, or begin for the next request
 *                        │  ^                   │  ^
 *               mustHold v  │ resumeHeld        v  │ a piece or the end has to wait, resumeHeld
 *                      held-head               held-data, held-end
 *
 * held: the handler has to ask the store first. Nothing is read meanwhile; bytes that come all the same are buffered, and the end of the
 * connection waits behind them. Any call of a handler may come back with `begin` or `end`: after each of them it is checked whether
 * the handler is still the same.
 *
 * Where a response has no body, or does not tell how long it is, the bytes behind it may be its own although they must not be there:
 * then no other request may get them as its response (I7).
 */
import { serverFaults } from '../../errors.ts';
import { BodyLength, BodyReader } from '../../http/body.ts';
import { append, isWorthReading } from '../../http/pieces.ts';
import { keepable, type Socket } from '../../net/socket.ts';
import type { BufferAccount } from '../buffer-budget.ts';
import type { Pipeline } from './h1-pipeline.ts';
import { InterimLimit } from './interim-limit.ts';
import { shortResponseBytes } from './pipelining-guard.ts';
import type { PoolContext } from './pool-context.ts';
import type { ResponseHandler } from './response-handler.ts';

export interface ResponseReaderOwner {
  /** The server has sent what HTTP does not allow. */
  onMisframed(how: string): void;
  /** The requests behind the current one must not wait for its response. */
  requeue(): void;
  /** Nor may the current one go on: the connection ends, and all of its requests are sent again. */
  requeueAll(handler: ResponseHandler): void;
}

type State = 'idle' | 'head' | 'body' | 'held-head' | 'held-data' | 'held-end';

/** What has happened to the server's side of the connection while a response was held. */
type ServerSide = 'open' | 'ended' | 'gone' | 'ended-and-gone';

const noBytes = Buffer.alloc(0);

export class ResponseReader {
  state: State = 'idle';
  /** Of the current request; null when idle. */
  handler: ResponseHandler | null = null;
  /** Bytes of the current response have come. */
  hasStarted = false;
  /** Of the current response's body. */
  bodyBytes = 0;
  /**
   * The current response, or an interim one before it, has no body: only the rules of HTTP say that nothing of it is still to
   * come.
   */
  isBodiless = false;
  private readonly owner: ResponseReaderOwner;
  private readonly context: PoolContext;
  private readonly account: BufferAccount;
  private readonly socket: Socket;
  private readonly pipeline: Pipeline;
  private readonly interim: InterimLimit;
  private readonly body = new BodyReader();
  /** The server will take another request after this response. */
  private keepAlive = false;
  /** The beginning of a head, or what has come while the response is held. */
  private partial: Buffer | null = null;
  /** Bytes of it when it was parsed last. */
  private parsedBytes = 0;
  private serverSide: ServerSide = 'open';
  private isPaused = false;

  constructor(
    owner: ResponseReaderOwner,
    context: PoolContext,
    account: BufferAccount,
    socket: Socket,
    pipeline: Pipeline,
    maxInterim: number,
  ) {
    this.owner = owner;
    this.context = context;
    this.account = account;
    this.socket = socket;
    this.pipeline = pipeline;
    this.interim = new InterimLimit(maxInterim);
  }

  /** The next response is for this handler. */
  begin(handler: ResponseHandler): void {
    this.handler = handler;
    this.setState('head');
    this.hasStarted = false;
    this.bodyBytes = 0;
    this.isBodiless = false;
    this.serverSide = 'open';
    this.interim.begin();
  }

  /** No response is read any more. What is buffered is dropped. */
  end(): void {
    this.handler = null;
    this.setState('idle');
    if (this.partial !== null) this.setPartial(null);
  }

  /** The rest of the current response is for another handler. Not while it is held, and not from inside a call of the handler. */
  replaceHandler(handler: ResponseHandler): void {
    this.handler = handler;
  }

  get isHeld(): boolean {
    return this.state === 'held-head' || this.state === 'held-data' || this.state === 'held-end';
  }

  /** Only the end of the connection tells that the body is complete. */
  get endsWithConnection(): boolean {
    return this.state === 'body' && this.body.untilClose;
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.socket.resume();
  }

  read(chunk: Buffer): void {
    const { partial } = this;
    if (partial === null) {
      if (this.isHeld) this.setPartial(chunk);
      else this.consume(chunk);
      return;
    }
    const joined = append(partial, chunk);
    const isTooShort = joined.length < this.context.maxHeadBytes;
    if (this.isHeld || (isTooShort && !isWorthReading(joined, partial.length, this.parsedBytes))) {
      this.setPartial(joined);
      return;
    }
    this.setPartial(null);
    this.consume(joined);
  }

  /** FIN, or the connection is gone, while the response is held: it counts once that goes on. */
  holdServerEnd(isGone: boolean): void {
    if (!isGone) this.serverSide = 'ended';
    else this.serverSide = this.serverSide === 'ended' ? 'ended-and-gone' : 'gone';
  }

  /** What was held goes on. Returns what has happened to the server's side meanwhile. */
  resumeHeld(): ServerSide {
    const { state, handler, partial, serverSide } = this;
    if (partial !== null) this.setPartial(null);
    this.resume();
    if (state === 'held-head') this.setState('head');
    else if (state === 'held-data' && handler !== null) {
      this.setState('body');
      if (this.body.done) {
        const bytes = partial ?? noBytes;
        const after = this.finishBody(handler, bytes, 0);
        if (after >= 0 && after < bytes.length) this.consume(bytes.subarray(after));
        return serverSide;
      }
    } else if (state === 'held-end' && handler !== null) {
      this.setState('body');
      this.endResponse(handler, partial ?? noBytes, 0);
    }
    if (partial !== null) this.consume(partial);
    return serverSide;
  }

  private hold(state: 'held-head' | 'held-data' | 'held-end', bytes: Buffer | null): void {
    this.setState(state);
    this.setPartial(bytes);
    // The requests behind it wait, too: it is not for long, and the server may have answered them already.
    this.pause();
  }

  private consume(bytes: Buffer): void {
    let p = 0;
    do {
      const { handler } = this;
      if (handler === null) return;
      this.hasStarted = true;
      if (this.state === 'head') {
        p = this.readHead(handler, bytes, p);
        if (p < 0) return;
      }
      p = this.readBody(handler, bytes, p);
      // Another response begins in these bytes only for a pipelined request, which is the current one now.
    } while (p >= 0 && p < bytes.length);
  }

  /** Offset of the body; -1: nothing more can be done with these bytes. */
  private readHead(handler: ResponseHandler, bytes: Buffer, start: number): number {
    const { owner, context, pipeline } = this;
    const head = context.responseHead;
    for (let p = start; ; ) {
      const after = head.read(bytes, p, bytes.length);
      if (after === 0) {
        this.setPartial(bytes.subarray(p));
        this.parsedBytes = bytes.length - p;
        handler.flush();
        return -1;
      }
      if (after < 0) {
        const isTooLarge = head.fault?.status === 431;
        if (!isTooLarge) owner.onMisframed('a response that is not HTTP');
        handler.onServerFault(isTooLarge ? serverFaults.responseHeadTooLarge : serverFaults.badResponse);
        return -1;
      }
      if ((head.status >= 200 || head.status === 101) && handler.mustHold(head)) {
        // A response that the handler refuses has to be held, too, until the handler has dropped the connection.
        if (this.handler === handler) this.hold('held-head', bytes.subarray(p));
        return -1;
      }
      if (head.status >= 200) return this.beginBody(handler, after);
      if (head.status === 101) {
        if (handler.mayUpgrade && head.upgrade)
          handler.onUpgrade(head, after < bytes.length ? bytes.subarray(after) : null);
        else {
          owner.onMisframed('an upgrade that was not asked for');
          handler.onServerFault(serverFaults.badResponse);
        }
        return -1;
      }
      if (pipeline.hasOthers) {
        // What a server adds to an interim response would pass for the final one, and for those behind it.
        owner.requeueAll(handler);
        return -1;
      }
      this.isBodiless = true;
      if (this.interim.isFlood(this.context.worker.wheel.now)) {
        handler.onServerFault(serverFaults.tooManyInterim);
        return -1;
      }
      handler.onInterim(head);
      p = after;
    }
  }

  /** The final head has been read, up to `after`. */
  private beginBody(handler: ResponseHandler, after: number): number {
    const head = this.context.responseHead;
    this.setState('body');
    // A 204 that claims a body may well send one: what follows is not the next response.
    this.keepAlive = head.keepAlive && !(head.status === 204 && (head.length > 0 || head.length === -1));
    const length = head.bodyLength(handler.method);
    if (length === BodyLength.untilClose && this.pipeline.hasOthers) {
      // A server that does not close after it would give the responses behind it to the wrong client.
      this.owner.requeueAll(handler);
      return -1;
    }
    if (length === 0) this.isBodiless = true;
    this.body.begin(length);
    handler.onResponse(head);
    return this.handler === handler ? after : -1;
  }

  /** Offset after the response; -1 when it is not complete, or is not the handler's any more. */
  private readBody(handler: ResponseHandler, bytes: Buffer, start: number): number {
    const { body, owner } = this;
    let after = start;
    if (!body.done) {
      after = body.read(bytes, start);
      this.bodyBytes += body.dataEnd - body.dataStart;
      const isHeld = body.dataEnd > body.dataStart && handler.onResponseData(bytes, body.dataStart, body.dataEnd);
      if (this.handler !== handler) return -1;
      if (after < 0) {
        owner.onMisframed('a body that is not HTTP');
        handler.onServerFault(serverFaults.badResponseBody);
        return -1;
      }
      if (isHeld) {
        handler.flush();
        this.hold('held-data', after === bytes.length ? null : bytes.subarray(after));
        return -1;
      }
    }
    return this.finishBody(handler, bytes, after);
  }

  /** What has come of the body, up to `after`, has been reported. Offset after the response, or -1, as for `readBody`. */
  private finishBody(handler: ResponseHandler, bytes: Buffer, after: number): number {
    const { body, owner } = this;
    if (body.done && body.command !== null && handler.mustHoldEnd(body.command)) {
      if (this.handler !== handler) return -1;
      handler.flush();
      this.hold('held-end', after === bytes.length ? null : bytes.subarray(after));
      return -1;
    }
    if (!body.done) {
      if (!body.endsWithin(shortResponseBytes)) owner.requeue();
      handler.flush();
      return -1;
    }
    this.endResponse(handler, bytes, after);
    return after;
  }

  /** The response is complete, and ends at `after`. */
  private endResponse(handler: ResponseHandler, bytes: Buffer, after: number): void {
    const { pipeline } = this;
    // Bytes behind it belong to the request behind it, if there can be no doubt of that, or to nobody.
    const hasMore = after < bytes.length;
    const isPipelined = pipeline.length > 0;
    if (hasMore && !pipeline.hasOthers) this.checkUnsolicited(bytes, after);
    const isInStep = isPipelined ? !this.isBodiless : !hasMore;
    const isOpen = this.serverSide === 'open' && !pipeline.wasRequeued;
    handler.onResponseEnd(this.body.trailers, this.keepAlive && isInStep && isOpen);
  }

  /**
   * Bytes for which there is no request. Some servers send a 408 before they close an idle connection (RFC 9110 section
   * 15.5.9).
   */
  checkUnsolicited(bytes: Buffer, start: number): void {
    if (!this.isBodiless && /^HTTP\/1\.[0-9] 408/.test(bytes.toString('latin1', start, start + 12))) return;
    this.owner.onMisframed('bytes that answer nothing');
  }

  /** The one place where the state changes, so that each transition can be watched here. */
  private setState(state: State): void {
    this.state = state;
  }

  private setPartial(bytes: Buffer | null): void {
    this.account.addBuffered((bytes?.length ?? 0) - (this.partial?.length ?? 0));
    this.partial = bytes === null ? null : keepable(bytes);
  }
}
