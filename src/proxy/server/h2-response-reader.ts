/**
 * Reads the response of one stream of HTTP/2 and reports it to the handler of its request, as h1-response-reader.ts does:
 *
 *      idle ── begin ──> head ── final head ──> body ── END_STREAM ──> (released)
 *                        │  ^                   │  ^
 *               mustHold v  │ resumeHeld        v  │ mustHoldEnd, resumeHeld
 *                      held-head               held-data, held-end
 *
 * held: the handler has to ask the store first. What comes meanwhile is kept, at most as much as the window of the stream allows. A handler
 * that is slow does not get its window back until it goes on, so that the other streams of the connection are not held up. Any call of a
 * handler may come back with `end`: after each of them it is checked whether there is still a handler.
 */
import { type Fault, serverFaults } from '../../errors.ts';
import { ErrorCode } from '../../http/h2/errors.ts';
import type { FieldList } from '../../http/h2/hpack/field-list.ts';
import { Method } from '../../http/head.ts';
import type { SessionCommand } from '../../http/session-headers.ts';
import type { H2Context } from './h2-context.ts';
import { type UpgradeRequest, writeSwitch } from './h2-upgrade.ts';
import { InterimLimit } from './interim-limit.ts';
import type { ResponseHandler } from './response-handler.ts';

/** The stream and its connection. */
export interface ResponseReaderOwner {
  /** So many bytes of DATA have gone on: the server may send as many again. */
  consume(bytes: number): void;
  addBuffered(bytes: number): void;
  /** The server has sent what HTTP does not allow. */
  onMisframed(how: string): void;
  /** The rest of the stream is not read. */
  reset(code: number): void;
}

type State = 'idle' | 'head' | 'body' | 'held-head' | 'held-data' | 'held-end';

export class H2ResponseReader {
  /** null: there is no request, or nobody waits for its response any more. */
  handler: ResponseHandler | null = null;
  /** The head of the final response has come, or an interim one. */
  hasStarted = false;
  /** Of a request that is an extended CONNECT; null: it is none. */
  upgrade: UpgradeRequest | null = null;
  private readonly owner: ResponseReaderOwner;
  private readonly context: H2Context;
  private readonly interim: InterimLimit;
  private state: State = 'idle';
  /** By Content-Length; -1: not known. */
  private expectedBytes = -1;
  private bodyBytes = 0;
  private trailers: Buffer | null = null;
  private command: SessionCommand | 'bad' | null = null;
  private isPaused = false;
  /** Bytes that have come and for which the window has not been given back. */
  private unconsumed = 0;
  /** While it is held: the head, the data behind it, and what ended it. */
  private heldHead: Buffer | null = null;
  private heldData: Buffer[] = [];
  private heldBytes = 0;
  private heldEnd: Fault | 'end' | null = null;

  constructor(owner: ResponseReaderOwner, context: H2Context, maxInterim: number) {
    this.owner = owner;
    this.context = context;
    this.interim = new InterimLimit(maxInterim);
  }

  begin(handler: ResponseHandler): void {
    this.handler = handler;
    this.state = 'head';
  }

  /** Part of the final response has been reported, or is held. */
  get isAnswered(): boolean {
    return this.state !== 'idle' && this.state !== 'head';
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.giveBack();
  }

  /** Nothing is reported any more. What is kept is dropped. */
  end(): void {
    this.handler = null;
    this.state = 'idle';
    this.dropHeld();
    this.giveBack();
  }

  // What the connection reads.

  /** Fields, of a head or of trailers. */
  onHeaders(fields: FieldList, endStream: boolean): void {
    const { handler } = this;
    if (handler === null) return;
    if (this.state !== 'head') {
      this.onTrailers(fields, endStream);
      return;
    }
    const { responseText: text, responseFields, responseHead: head } = this.context;
    text.clear();
    const { upgrade } = this;
    // Neither the beginning of a tunnel nor the response to HEAD has a framing.
    const problem = responseFields.write(fields, endStream, handler.method === Method.head || upgrade !== null, text);
    if (problem !== null) {
      const isTooLarge = problem === serverFaults.responseHeadTooLarge;
      this.refuse(isTooLarge ? serverFaults.responseHeadTooLarge : serverFaults.badResponse, headIsWrong);
      return;
    }
    this.hasStarted = true;
    if (upgrade !== null && responseFields.status >= 200 && responseFields.status < 300) writeSwitch(text, upgrade);
    this.readHead(handler, text.bytes, text.length);
    if (this.state === 'head' || head.status < 200) return;
    const { status, contentLength } = responseFields;
    const isBodiless = handler.method === Method.head || status === 204 || status === 304;
    this.expectedBytes = isBodiless ? 0 : contentLength;
  }

  private readHead(handler: ResponseHandler, bytes: Buffer, end: number): void {
    const head = this.context.responseHead;
    if (head.read(bytes, 0, end) <= 0) {
      const isTooLarge = head.fault === null || head.fault.status === 431;
      this.refuse(isTooLarge ? serverFaults.responseHeadTooLarge : serverFaults.badResponse, headIsWrong);
      return;
    }
    if (head.status === 101) {
      if (handler.mustHold(head)) this.holdHead(handler, bytes, end);
      else handler.onUpgrade(head, null);
      return;
    }
    if (head.status < 200) {
      if (this.interim.isFlood(this.context.worker.wheel.now)) this.refuse(serverFaults.tooManyInterim, null);
      else handler.onInterim(head);
      return;
    }
    if (handler.mustHold(head)) {
      this.holdHead(handler, bytes, end);
      return;
    }
    this.state = 'body';
    handler.onResponse(head);
  }

  private holdHead(handler: ResponseHandler, bytes: Buffer, end: number): void {
    // A response that the handler refuses has dropped the stream.
    if (this.handler !== handler) return;
    this.state = 'held-head';
    this.heldHead = Buffer.from(bytes.subarray(0, end));
    this.owner.addBuffered(end);
  }

  private onTrailers(fields: FieldList, endStream: boolean): void {
    const { trailerFields } = this.context;
    if (trailerFields.read(fields, endStream) !== null) {
      this.refuse(serverFaults.badResponseBody, 'trailers that are not HTTP');
      return;
    }
    this.trailers = trailerFields.trailers;
    this.command = trailerFields.command;
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const { handler } = this;
    if (handler === null) return;
    const size = end - start;
    this.bodyBytes += size;
    this.unconsumed += size;
    if (this.expectedBytes >= 0 && this.bodyBytes > this.expectedBytes) {
      this.refuse(serverFaults.badResponseBody, 'more data than Content-Length tells');
      return;
    }
    if (this.isHeld) {
      this.heldData.push(Buffer.from(bytes.subarray(start, end)));
      this.heldBytes += size;
      this.owner.addBuffered(size);
      return;
    }
    if (handler.onResponseData(bytes, start, end) && this.handler === handler) this.state = 'held-data';
    else if (!this.isPaused) this.giveBack();
  }

  /** END_STREAM. */
  onEnd(): void {
    const { handler } = this;
    if (handler === null) return;
    if (this.expectedBytes > this.bodyBytes) {
      this.refuse(serverFaults.badResponseBody, 'less data than Content-Length tells');
      return;
    }
    if (this.isHeld) this.heldEnd = 'end';
    else this.endResponse(handler);
  }

  private endResponse(handler: ResponseHandler): void {
    const { command } = this;
    if (command !== null && handler.mustHoldEnd(command)) {
      if (this.handler !== handler) return;
      handler.flush();
      this.state = 'held-end';
      return;
    }
    handler.onResponseEnd(this.trailers, true);
  }

  /** The stream was reset, or its connection is lost. */
  onFault(fault: Fault): void {
    const { handler, state } = this;
    if (handler === null) return;
    // The whole response is here, and waits for the store alone.
    if (state === 'held-end' || this.heldEnd === 'end') return;
    if (this.isHeld) this.heldEnd = fault;
    else handler.onServerFault(fault);
  }

  /** What was held goes on. */
  resumeHeld(): void {
    const { handler, state, heldHead, heldData, heldEnd } = this;
    if (handler === null) return;
    if (state === 'held-end') {
      this.endResponse(handler);
      return;
    }
    if (!this.isHeld) return;
    this.dropHeld();
    if (heldHead === null) this.state = 'body';
    else {
      this.state = 'head';
      this.readHead(handler, heldHead, heldHead.length);
    }
    for (let at = 0; at < heldData.length || this.isHeld; at++) {
      if (this.handler !== handler) return;
      if (this.isHeld) {
        this.holdAgain(heldData.slice(at), heldEnd);
        return;
      }
      const piece = heldData[at]!;
      if (handler.onResponseData(piece, 0, piece.length) && this.handler === handler) this.state = 'held-data';
    }
    if (this.handler !== handler) return;
    if (!this.isPaused) this.giveBack();
    if (heldEnd === 'end') this.endResponse(handler);
    else {
      handler.flush();
      if (heldEnd !== null) handler.onServerFault(heldEnd);
    }
  }

  private get isHeld(): boolean {
    return this.state === 'held-head' || this.state === 'held-data';
  }

  /** The response has to wait once more, for another reason: what follows is kept again. */
  private holdAgain(rest: Buffer[], end: Fault | 'end' | null): void {
    this.heldData = rest;
    this.heldBytes = rest.reduce((sum, piece) => sum + piece.length, 0);
    this.owner.addBuffered(this.heldBytes);
    this.heldEnd = end;
  }

  private dropHeld(): void {
    const { heldHead, heldBytes } = this;
    const bytes = (heldHead?.length ?? 0) + heldBytes;
    if (bytes > 0) this.owner.addBuffered(-bytes);
    this.heldHead = this.heldEnd = null;
    this.heldData = [];
    this.heldBytes = 0;
  }

  /** `how` null: the server has not broken the rules of HTTP. */
  private refuse(fault: Fault, how: string | null): void {
    const { handler, owner } = this;
    if (how !== null && fault !== serverFaults.responseHeadTooLarge) owner.onMisframed(how);
    owner.reset(how === null ? ErrorCode.cancel : ErrorCode.protocolError);
    handler?.onServerFault(fault);
  }

  private giveBack(): void {
    const { unconsumed } = this;
    if (unconsumed === 0) return;
    this.unconsumed = 0;
    this.owner.consume(unconsumed);
  }
}

const headIsWrong = 'a response that is not HTTP';
