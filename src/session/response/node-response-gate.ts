/**
 * The gate of Node's own responses. Node can hold a response back itself: while the one before it on the connection is not finished,
 * its bytes are buffered, and its flags, events and errors are right all that time. This gate uses the same buffer for a response
 * that waits for its session, so nothing of Node's has to be imitated.
 */
import type { IncomingMessage } from 'node:http';
import type { HeaderLines } from '../exchange.ts';
import { type Arguments, bytesOf, destroyedError, isFunction, pretendToWrite } from './call-arguments.ts';
import { HeldOutput } from './held-output.ts';
import { addToHead, addTrailers, forgetHead, type NodeResponse, type Output, takeBuffered } from './node-response.ts';
import { ResponseGate } from './response-gate.ts';

const noOutputs: ReadonlySet<Output> = new Set();

export class NodeResponseGate extends ResponseGate<NodeResponse> {
  private readonly original: Pick<NodeResponse, 'writeHead' | 'write' | 'end'>;
  /** While the session is stored; null: what the app sends is sent at once. */
  private held: HeldOutput | null = null;
  /** The app has called end(). */
  private isEnded = false;
  /** What Node has buffered at end(): the end of the body, whose callback emits that the response is finished. */
  private endOutputs: readonly Output[] = [];
  private isHeadReleased: boolean;

  constructor(request: IncomingMessage, response: NodeResponse, onError: (error: Error) => void) {
    super(request, response, onError);
    this.isHeadReleased = response.headersSent;
    const { writeHead, write, end } = response;
    this.original = { writeHead, write, end };
    response.writeHead = (...args: unknown[]) => this.writeHead(args);
    response.write = (...args: unknown[]) => this.write(args);
    response.end = (...args: unknown[]) => this.end(args);
  }

  /** Node calls it as well when the app sends without it. It makes the head and sends nothing. */
  private writeHead(args: Arguments): NodeResponse {
    this.removeCookieOfFailure();
    // First, because what Node refuses must not be stored.
    this.call('writeHead', args);
    if (this.state !== 'open') return this.response;
    this.bodyBytesLeft = this.response._contentLength ?? -1;
    this.storeForHead();
    return this.response;
  }

  private write(args: Arguments): boolean {
    if (this.state === 'failed') return pretendToWrite(args);
    const isWithHead = this.state === 'open';
    const bytes = bytesOf(args);
    // By its length the client has the whole body with this piece, whether end() is called or not.
    if (this.state === 'headSent' && this.bodyBytesLeft > 0 && bytes >= this.bodyBytesLeft) this.storeForEnd();
    const hasRoom: boolean = this.call('write', args);
    if (this.bodyBytesLeft > 0) this.bodyBytesLeft = Math.max(0, this.bodyBytesLeft - bytes);
    if (isWithHead) this.closeIfWhole();
    return hasRoom;
  }

  private end(args: Arguments): NodeResponse {
    const { response } = this;
    if (this.state === 'failed') return this.call('end', args.filter(isFunction));
    if (this.held !== null && this.isEnded) return this.endAgain(args);
    const before = response.outputData.length === 0 ? noOutputs : new Set(response.outputData);
    const isWithHead = this.state === 'open';
    if (this.state === 'headSent' && !response.writableEnded) this.storeForEnd();
    const sendsNothing = this.held !== null && this.sendsNothing(args);
    this.call('end', sendsNothing ? [Buffer.alloc(0), ...args.filter(isFunction)] : args);
    if (!this.isEnded && response.writableEnded && this.held !== null) {
      this.endOutputs = response.outputData.filter((output) => !before.has(output));
    }
    this.isEnded = response.writableEnded;
    if (isWithHead) this.closeIfWhole();
    return response;
  }

  /** To the app the response is finished: Node 22 would let the callback wait for what is buffered. */
  private endAgain(args: Arguments): NodeResponse {
    const { response } = this;
    Object.defineProperty(response, 'writableFinished', { value: true, configurable: true });
    try {
      return this.call('end', args);
    } finally {
      Reflect.deleteProperty(response, 'writableFinished');
    }
  }

  /** Head and body were sent together: nothing can have changed between them. */
  private closeIfWhole(): void {
    if (this.state === 'headSent' && (this.isEnded || this.bodyBytesLeft === 0)) this.state = 'over';
  }

  /** An end that sends no bytes: the client sees it by the end of the connection, or not at all. Node would not wait for its buffer. */
  private sendsNothing([chunk]: Arguments): boolean {
    const { response } = this;
    const hasNoChunk = chunk === undefined || chunk === null || chunk === '' || isFunction(chunk);
    const isAllSent = response._headerSent && response.writableLength === 0;
    return hasNoChunk && isAllSent && response._hasBody && !response.chunkedEncoding && !response.writableEnded;
  }

  /** The head is about to be sent: stores the session, and adds its lines. */
  private storeForHead(): void {
    let lines: HeaderLines | Promise<HeaderLines>;
    try {
      lines = this.storeBeforeHead(this.response.statusCode);
    } catch (error) {
      this.hold(Promise.reject(error), 'holdingHead');
      return;
    }
    if (lines instanceof Promise) {
      this.hold(lines, 'holdingHead');
      return;
    }
    addToHead(this.response, lines);
    this.isHeadReleased = true;
    this.state = 'headSent';
  }

  /** The last byte is about to be sent: stores what has changed since the head. */
  private storeForEnd(): void {
    const { request, response } = this;
    const canTrail = request.httpVersion === '1.1' && request.method !== 'HEAD' && response.chunkedEncoding;
    let lines: HeaderLines | Promise<HeaderLines>;
    try {
      lines = this.storeBeforeEnd(canTrail);
    } catch (error) {
      this.hold(Promise.reject(error), 'holdingEnd');
      return;
    }
    if (lines instanceof Promise) {
      this.hold(lines, 'holdingEnd');
      return;
    }
    addTrailers(response, lines, this.endOutputs);
    this.isHeadReleased = true;
    this.state = 'over';
  }

  /** Buffers what is sent until `lines` are there. Also for an error: Node is about to send what must be thrown away. */
  private hold(lines: Promise<HeaderLines>, state: 'holdingHead' | 'holdingEnd'): void {
    this.state = state;
    this.held ??= new HeldOutput(this.response);
    lines.then(
      (found) => {
        // In the next tick: Node joins the writes of one tick, and sends them at its end.
        process.nextTick(() => this.proceed(found, state));
      },
      (error: unknown) => this.fail(error),
    );
  }

  private proceed(lines: HeaderLines, state: 'holdingHead' | 'holdingEnd'): void {
    if (this.state !== state || this.response.destroyed) return;
    if (state === 'holdingEnd') {
      addTrailers(this.response, lines, this.endOutputs);
      this.state = 'over';
    } else {
      addToHead(this.response, lines);
      // The session may have changed while the head waited.
      if (this.isEnded || this.bodyBytesLeft === 0) this.storeForEnd();
      else this.state = 'headSent';
    }
    if (this.state === 'headSent' || this.state === 'over') this.release();
  }

  private release(): void {
    const { held } = this;
    this.isHeadReleased = true;
    this.held = null;
    held?.release();
  }

  protected override isHeadSent(): boolean {
    return this.isHeadReleased && this.response._headerSent;
  }

  protected override drop(): void {
    if (this.held === null) return;
    const error = destroyedError();
    for (const { callback } of takeBuffered(this.response)) {
      if (isFunction(callback)) process.nextTick(callback, error);
    }
    this.stopHolding();
  }

  protected override replace(error: Error): void {
    const { response, request, endOutputs } = this;
    const needsDrain = response.writableNeedDrain;
    this.held ??= new HeldOutput(response);
    // What was collected under cork() is thrown away as well.
    while (response.writableCorked > 0) response.uncork();
    // Node's own callbacks of its end emit `finish`: the response goes on with another end.
    const buffered = takeBuffered(response).filter((output) => !endOutputs.includes(output));
    this.stopHolding();
    forgetHead(response, request.method !== 'HEAD');
    this.call('end', [this.describeFailure(error)]);
    for (const { callback } of buffered) if (isFunction(callback)) process.nextTick(callback);
    // A stream that is piped into the response waits for it, and has to reach its end.
    if (needsDrain) response.emit('drain');
  }

  private stopHolding(): void {
    this.held?.stop();
    this.held = null;
  }

  private call(name: keyof NodeResponseGate['original'], args: Arguments) {
    return Reflect.apply(this.original[name], this.response, args);
  }
}
