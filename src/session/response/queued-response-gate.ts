/**
 * The gate of responses that are not Node's own (Bun, HTTP/2, the `inject` of Fastify). It uses their documented interface alone: the calls
 * of the app are held while the session is stored, and made afterwards; until then the gate answers in place of the response.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderLines } from '../exchange.ts';
import { type Arguments, assertChunk, bytesOf, destroyedError, isFunction, pretendToWrite } from './call-arguments.ts';
import { HeldCalls } from './held-calls.ts';
import { ResponseGate } from './response-gate.ts';
import { appendHeader, canTrail, contentLengthOf, isBun, type Status, setHeaders, statusOf } from './response-head.ts';

export class QueuedResponseGate extends ResponseGate {
  private readonly original: Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;
  /** While the session is stored; null: calls go to the response at once. */
  private held: HeldCalls | null = null;
  /** The status that was given to writeHead, where that is yet to be called; 0: the response has it. */
  private headStatus = 0;
  /** The status of the head that waits, whatever the app sets meanwhile. */
  private heldStatus: Status | null = null;
  private isHeadReleased: boolean;
  private readonly ownWriteHead: ServerResponse['writeHead'];

  constructor(request: IncomingMessage, response: ServerResponse, onError: (error: Error) => void) {
    super(request, response, onError);
    this.isHeadReleased = response.headersSent;
    const { writeHead, write, end, flushHeaders } = response;
    this.original = { writeHead, write, end, flushHeaders };
    response.writeHead = this.ownWriteHead = (...args: unknown[]) => this.writeHead(args);
    response.write = (...args: unknown[]) => this.write(args);
    response.end = (...args: unknown[]) => this.end(args);
    response.flushHeaders = () => this.flushHeaders();
  }

  private writeHead(args: Arguments): ServerResponse {
    const { response } = this;
    const headers = args.find((one): one is object => typeof one === 'object' && one !== null);
    this.removeCookieOfFailure();
    if (this.state !== 'open' || response.headersSent) this.call('writeHead', args);
    else if (isBun) {
      // On Bun it sends nothing yet. First, because what Bun refuses must not be stored.
      this.call('writeHead', args);
      this.sendHead(headers, () => {});
    } else {
      const [status, message] = args;
      if (typeof status === 'number') this.headStatus = status;
      this.sendHead(headers, (isMerged) => {
        if (isMerged) this.call('writeHead', typeof message === 'string' ? [status, message] : [status]);
        else this.call('writeHead', args);
      });
      // As writeHead leaves it, although it is yet to be called.
      if (this.held !== null && typeof status === 'number') response.statusCode = status;
    }
    return response;
  }

  private flushHeaders(): void {
    if (this.state === 'open' && isBun) this.response.writeHead(this.response.statusCode);
    if (this.state === 'open') this.sendHead(undefined, () => this.call('flushHeaders', []));
    else if (this.held !== null) this.held.addFlush();
    else if (this.state !== 'failed') this.call('flushHeaders', []);
  }

  private write(args: Arguments): boolean {
    if (this.state === 'failed') return pretendToWrite(args);
    if (this.cannotBeWritten()) return this.call('write', args);
    if (this.held?.isEnded !== true) assertChunk(args[0]);
    if (this.state === 'open') {
      let hasRoom = true;
      this.sendHead(
        undefined,
        () => (hasRoom = this.write(args)),
        () => {},
      );
      if (this.hasFailed()) return pretendToWrite(args);
      return this.held === null ? hasRoom : this.held.addWrite(args);
    }
    if (this.held !== null) return this.held.addWrite(args);
    if (this.state === 'headSent' && this.bodyBytesLeft > 0) {
      this.bodyBytesLeft -= bytesOf(args);
      // By its length the client has the whole body with this piece, whether end() is called or not.
      if (this.bodyBytesLeft <= 0) {
        let hasRoom = true;
        this.sendEnd(() => (hasRoom = this.call('write', args)));
        return this.heldNow()?.count(args) ?? hasRoom;
      }
    }
    return this.call('write', args);
  }

  private end(args: Arguments): ServerResponse {
    const { response } = this;
    const chunk = isFunction(args[0]) ? undefined : args[0];
    if (this.state === 'failed') {
      this.call('end', args.filter(isFunction));
      return response;
    }
    if (this.cannotBeWritten()) {
      this.call('end', args);
      return response;
    }
    if (this.held?.isEnded !== true && chunk !== undefined && chunk !== null && chunk !== '') assertChunk(chunk);
    if (this.state === 'open') {
      // Head and body are sent together: nothing can change between them. After a wait it can.
      const sendWhole = () => {
        this.state = 'over';
        this.call('end', args);
      };
      this.sendHead(undefined, sendWhole, () => {});
      this.held?.addEnd(args);
    } else if (this.held !== null) this.held.addEnd(args);
    else if (this.state === 'headSent') {
      this.sendEnd(() => this.call('end', args));
      const held = this.heldNow();
      if (held !== null) held.isEnded = true;
    } else this.call('end', args);
    return response;
  }

  /** The response itself knows what to answer then. */
  private cannotBeWritten(): boolean {
    return this.response.destroyed || (this.held === null && this.response.writableEnded);
  }

  /**
   * Stores the session, adds its lines to the head, and calls `send`. `headers`: those of writeHead; `isMerged`: they are set already.
   * `sendLater` is called instead when the head had to wait.
   */
  private sendHead(headers: object | undefined, send: (isMerged: boolean) => void, sendLater = send): void {
    const { response } = this;
    let isMerged = false;
    const merge = () => {
      if (isBun) return;
      // What writeHead is given replaces what was set before: our cookie must not be replaced by one of the app's.
      if (headers !== undefined && !isMerged) setHeaders(response, headers);
      isMerged ||= headers !== undefined;
    };
    this.storeThen(
      () => this.storeBeforeHead(this.headStatus || response.statusCode),
      'holdingHead',
      (lines, hasWaited) => {
        if (lines.length > 0) merge();
        for (const [name, value] of lines) appendHeader(response, name, value);
        this.bodyBytesLeft = contentLengthOf(response, headers);
        this.state = 'headSent';
        (hasWaited ? sendLater : send)(isMerged);
      },
      merge,
    );
  }

  /** Stores what has changed since the head, and calls `send`, which sends the last byte. */
  private sendEnd(send: () => void): void {
    this.storeThen(
      () => this.storeBeforeEnd(canTrail(this.request, this.response, this.bodyBytesLeft)),
      'holdingEnd',
      (lines) => {
        if (lines.length > 0) this.response.addTrailers(Object.fromEntries(lines));
        this.state = 'over';
        send();
      },
    );
  }

  /** Calls `go` with the lines that `store` returns; when they are a promise, the calls of the app are held until then. */
  private storeThen(
    store: () => HeaderLines | Promise<HeaderLines>,
    heldState: 'holdingHead' | 'holdingEnd',
    go: (lines: HeaderLines, hasWaited: boolean) => void,
    beforeWait: () => void = () => {},
  ): void {
    let lines: HeaderLines | Promise<HeaderLines>;
    try {
      lines = store();
    } catch (error) {
      this.fail(error);
      return;
    }
    if (!(lines instanceof Promise)) {
      go(lines, false);
      return;
    }
    this.state = heldState;
    try {
      beforeWait();
    } finally {
      this.held ??= new HeldCalls(this.request, this.response, false);
    }
    if (heldState === 'holdingHead') this.heldStatus ??= statusOf(this.response);
    lines.then((found) => this.proceed(() => go(found, true))).catch((error: unknown) => this.fail(error));
  }

  private proceed(go: () => void): void {
    const { response, request, held } = this;
    if (response.destroyed || request.socket?.destroyed === true) return;
    this.held = null;
    held?.unlock();
    const status = statusOf(response);
    const isSame = this.heldStatus === null || status.statusCode === this.heldStatus.statusCode;
    if (!isSame) Object.assign(response, this.heldStatus);
    try {
      go();
    } catch (error) {
      // Whoever waits for the calls that are held gets an answer as the response fails.
      this.held = held;
      throw error;
    }
    let hasRoom = true;
    // In order; some of them may be held again.
    for (const { name, args } of held?.take() ?? []) {
      if (name === 'write') hasRoom = this.write(args) && hasRoom;
      else if (name === 'end') this.end(args);
      else this.flushHeaders();
    }
    this.emitDrain(held?.needsDrain === true, hasRoom);
    if (this.held === null) this.heldStatus = null;
    if (!isSame) Object.assign(response, status);
  }

  /** When the response itself has no room, it emits `drain` later. */
  private emitDrain(needsDrain: boolean, hasRoom: boolean): void {
    if (!needsDrain) return;
    if (this.held !== null) this.held.needsDrain = true;
    else if (hasRoom && !this.response.writableEnded) process.nextTick(() => this.response.emit('drain'));
  }

  protected override isHeadSent(): boolean {
    return this.isHeadReleased;
  }

  protected override drop(): void {
    this.held?.drop(destroyedError());
  }

  protected override replace(error: Error): void {
    const { response, held } = this;
    this.held = null;
    held?.unlock();
    held?.pretendToSend();
    // Bun has to forget the head and the trailers of the app, which are not sent.
    if (isBun) {
      Object.assign(response, { headersSent: false, _hasBody: this.request.method !== 'HEAD' });
      response.addTrailers({});
    }
    const text = this.describeFailure(error);
    if (isBun) this.call('writeHead', [response.statusCode]);
    this.call('end', [text]);
    // A stream that is piped into the response waits for it, and has to reach its end.
    if (held?.needsDrain === true) response.emit('drain');
  }

  /** `held`, which a call in between may have set: the compiler does not see that. */
  private heldNow(): HeldCalls | null {
    return this.held;
  }

  /** The same of `state`. */
  private hasFailed(): boolean {
    return this.state === 'failed';
  }

  private call(name: keyof QueuedResponseGate['original'], args: Arguments) {
    const { response, original, ownWriteHead } = this;
    if (name !== 'writeHead') this.isHeadReleased = true;
    // Bun sends a head in another way when writeHead is replaced. By now it need not be.
    const isOwn = response.writeHead === ownWriteHead;
    if (isOwn) response.writeHead = original.writeHead;
    try {
      return Reflect.apply(original[name], response, args);
    } finally {
      if (isOwn) response.writeHead = ownWriteHead;
    }
  }
}
