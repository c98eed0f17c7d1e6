/**
 * Reads the requests of one HTTP/1.1 connection out of its bytes, one after the other:
 *
 *        ┌────────────────────────── next() ──────────────────────────┐
 *        v                                                            │
 *      idle ── first byte ──> head ── its end ──> body ── its end ──> complete
 *        ^                     │ └──── its end, there is no body ───────^
 *        └─ it was an empty line                   (a head that comes in one read skips `head`)
 *
 *      any of them ── stop() ──> stopped: nothing more is read; terminal
 *
 * head: the beginning of a head is buffered. complete: the request is answered, and bytes of the next one, which is not due yet, are
 * buffered up to a limit; then the socket is paused. The owner is called when a head begins, ends or is refused, and for each piece of a
 * body. It may call `next` or `stop` from inside any of these calls.
 */
import { type Fault, requestFaults } from '../../errors.ts';
import { BodyReader } from '../../http/body.ts';
import type { RequestHead } from '../../http/head.ts';
import { append, isWorthReading } from '../../http/pieces.ts';
import { counter } from '../../metrics/counters.ts';
import { keepable, type Socket } from '../../net/socket.ts';
import type { ListenerContext } from './listener-context.ts';

export interface RequestReaderOwner {
  /** The first byte of a head has come; or (false) what seemed to be one was an empty line, which begins none. */
  onHeadBegin(hasBegun: boolean): void;
  /** A head is complete: it is in `head` during this call, and in `raw` from `start` on. */
  onHead(head: RequestHead, raw: Buffer, start: number): void;
  /** A head was refused. `isComplete`: it was read to its end. */
  onHeadFault(fault: Fault, head: RequestHead, isComplete: boolean): void;
  /** A head, and what came of its body in the same read, have been reported. */
  onRequestBegun(): void;
  /** `isKept`: the bytes are in the same buffer as the head. */
  onBodyData(piece: Buffer, isKept: boolean): void;
  onBodyEnd(trailers: Buffer | null): void;
  onBodyFault(fault: Fault): void;
  /** So many bytes more are buffered; negative: fewer. */
  addBuffered(bytes: number): void;
}

type State = 'idle' | 'head' | 'body' | 'complete' | 'stopped';

/** Bytes of requests that are not due yet, beyond which the socket is paused. One read may bring more, and cannot be given back. */
const maxHeldBytes = 16 * 1024;
/** The bytes of a head do not keep a read alive that is larger by more than this. */
const maxBehindHeadBytes = 16 * 1024;

export class RequestReader {
  state: State = 'idle';
  /** Of the current request: what has come up to now. */
  bytesIn = 0;
  /** When the first byte of a head came (monotonic ms); negative: the head came in one read. */
  firstByteAt = -1;
  /** The client has said that it sends no request after the current one. */
  isLast = false;
  private readonly owner: RequestReaderOwner;
  private readonly context: ListenerContext;
  private readonly socket: Socket;
  /** Of a body; 0: no limit. */
  private readonly maxBodyBytes: number;
  /** The beginning of a head. */
  private partial: Buffer | null = null;
  /** Bytes of it when it was parsed last. */
  private parsedBytes = 0;
  /** Empty lines before the request line, which are not in `partial` any more. */
  private emptyLines = 0;
  /** Bytes of requests that are not due yet. */
  private held: Buffer | null = null;
  /** Made for the first request with a body. */
  private body: BodyReader | null = null;
  private bodyBytes = 0;
  /** Inside `consume`: its loop reads what comes next. */
  private isConsuming = false;
  private isPaused = false;

  constructor(owner: RequestReaderOwner, context: ListenerContext, socket: Socket, maxBodyBytes: number) {
    this.owner = owner;
    this.context = context;
    this.socket = socket;
    this.maxBodyBytes = maxBodyBytes;
  }

  /** Bytes have come. */
  read(chunk: Buffer): void {
    if (this.state === 'complete') this.hold(chunk);
    else if (this.state !== 'stopped') this.consume(chunk);
  }

  /** The response to the current request, which is complete, has been sent: the next one is due. */
  next(): void {
    this.setState('idle');
    this.resume();
    const { held } = this;
    if (held === null || this.isConsuming) return;
    this.setHeld(null);
    this.consume(held);
  }

  /** Nothing more is read on this connection. */
  stop(): void {
    this.drop();
    this.setState('stopped');
  }

  /** Drops what is buffered, and reads on. */
  drop(): void {
    if (this.held !== null) this.setHeld(null);
    if (this.partial !== null) this.setPartial(null);
  }

  /** Stops, because another protocol follows. Returns bytes of it that have come early. */
  takeEarly(): Buffer | null {
    const { held } = this;
    this.stop();
    this.resume();
    return held;
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

  /** Bytes of requests that have had no response are buffered. */
  get hasBuffered(): boolean {
    return this.partial !== null || this.held !== null;
  }

  /** Bytes of requests after the current one have come. */
  get hasHeld(): boolean {
    return this.held !== null;
  }

  /** What has come of a request that gets no response, or an error, for the log. Sets `bytesIn`. null: nothing of it was parsed. */
  parseBuffered(): RequestHead | null {
    const { partial, held, context } = this;
    this.bytesIn = partial?.length ?? held?.length ?? 0;
    if (partial === null) return null;
    context.scratch.readNew(partial, 0);
    return context.scratch.head;
  }

  private consume(chunk: Buffer): void {
    let bytes = chunk;
    let p = 0;
    this.isConsuming = true;
    while (p >= 0 && p < bytes.length) {
      if (this.state === 'body') p = this.readBody(bytes, p, false);
      else if (this.state === 'idle') p = this.readHead(bytes, p);
      else if (this.state === 'head') {
        bytes = this.joinPartial(bytes);
        if (this.partial !== null) break;
        p = this.readHead(bytes, p);
      } else {
        // The next request is not due; after `stop` nothing is.
        if (this.state === 'complete') this.hold(bytes.subarray(p));
        break;
      }
    }
    this.isConsuming = false;
  }

  /** The beginning of a head with what has come now. It stays in `partial` when it is not worth parsing yet. */
  private joinPartial(bytes: Buffer): Buffer {
    const { partial } = this;
    if (partial === null) return bytes;
    const joined = append(partial, bytes);
    const isTooShort = joined.length < this.context.scratch.maxHeadBytes;
    this.setPartial(isTooShort && !isWorthReading(joined, partial.length, this.parsedBytes) ? joined : null);
    return joined;
  }

  /** Offset after the head and what has come of its body; -1: nothing more can be read. */
  private readHead(bytes: Buffer, start: number): number {
    const { owner, maxBodyBytes } = this;
    const { scratch, worker } = this.context;
    const { head } = scratch;
    const after = scratch.readNew(bytes, start, this.emptyLines);
    const { begin, length, fault } = head;
    this.emptyLines = after === 0 ? head.emptyLines : 0;
    if (after === 0) {
      this.keepPartial(bytes, begin);
      return -1;
    }
    const refusal = after < 0 ? fault : maxBodyBytes > 0 && length > maxBodyBytes ? requestFaults.bodyTooLarge : null;
    if (refusal !== null) {
      worker.counters.add(counter.requests);
      this.bytesIn = bytes.length - begin;
      owner.onHeadFault(refusal, head, after > 0);
      return -1;
    }
    this.setState(length === 0 ? 'complete' : 'body');
    this.isLast = !head.keepAlive;
    this.bytesIn = after - begin;
    // The exchange keeps the head as long as it lasts, but not a body, or other requests, that came in the same read.
    const isKept = bytes.length - (after - begin) <= maxBehindHeadBytes;
    if (isKept) owner.onHead(head, bytes, begin);
    else owner.onHead(head, Buffer.from(bytes.subarray(begin, after)), 0);
    this.firstByteAt = -1;
    let p = after;
    if (this.state === 'body') {
      this.bodyBytes = 0;
      this.body ??= new BodyReader();
      this.body.begin(length);
      if (p < bytes.length) p = this.readBody(bytes, p, isKept);
    }
    owner.onRequestBegun();
    return p;
  }

  /** A head is not complete. The client has a limited time for it from its first byte on; an empty line alone is none. */
  private keepPartial(bytes: Buffer, begin: number): void {
    const hasBegun = begin < bytes.length;
    if (hasBegun !== (this.state === 'head')) {
      const { worker } = this.context;
      this.setState(hasBegun ? 'head' : 'idle');
      this.firstByteAt = hasBegun ? worker.clock.monotonic() : -1;
      this.owner.onHeadBegin(hasBegun);
    }
    if (hasBegun) this.setPartial(begin === 0 ? bytes : bytes.subarray(begin));
    this.parsedBytes = bytes.length - begin;
  }

  private readBody(bytes: Buffer, start: number, isKept: boolean): number {
    const { owner, body } = this;
    if (body === null) return -1;
    const after = body.read(bytes, start);
    this.bytesIn += (after < 0 ? bytes.length : after) - start;
    if (after < 0) {
      owner.onBodyFault(body.fault ?? requestFaults.badChunk);
      return -1;
    }
    const { dataStart, dataEnd, done } = body;
    this.bodyBytes += dataEnd - dataStart;
    if (this.maxBodyBytes > 0 && this.bodyBytes > this.maxBodyBytes) {
      owner.onBodyFault(requestFaults.bodyTooLarge);
      return -1;
    }
    if (done) this.setState('complete');
    if (dataEnd > dataStart) owner.onBodyData(bytes.subarray(dataStart, dataEnd), isKept);
    if (done) owner.onBodyEnd(body.trailers);
    return after;
  }

  private hold(bytes: Buffer): void {
    const held = this.held === null ? bytes : append(this.held, bytes);
    this.setHeld(held);
    if (held.length > maxHeldBytes || this.context.worker.buffers.scarce) this.pause();
  }

  private setHeld(bytes: Buffer | null): void {
    this.owner.addBuffered((bytes?.length ?? 0) - (this.held?.length ?? 0));
    this.held = bytes === null ? null : keepable(bytes);
  }

  private setPartial(bytes: Buffer | null): void {
    this.owner.addBuffered((bytes?.length ?? 0) - (this.partial?.length ?? 0));
    this.partial = bytes === null ? null : keepable(bytes);
  }

  private setState(state: State): void {
    if (this.state === 'stopped') return;
    this.state = state;
  }
}
