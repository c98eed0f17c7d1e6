/**
 * The one parsed request head of a listener, and the edits for the server. Parsing a head is cheap and keeping a parsed one per
 * request is not, so all requests of a listener use this one, and a request whose head is needed again after another one was
 * parsed is parsed once more. This object knows whose head it holds:
 *
 *      readNew ──> nobody's ── assign(request) ──> the request's ── readNew, or reread of another, or release ──> nobody's
 */
import { type HeadLimits, RequestHead } from '../http/head.ts';
import { Splice } from '../http/splice.ts';

export class RequestScratch {
  readonly head: RequestHead;
  /** Changes to the head on its way to the server. They belong to whoever holds the head. */
  readonly edit = new Splice();
  /** Largest head in bytes. */
  readonly maxHeadBytes: number;
  private holder: object | null = null;
  /** What `readLasting` has read last; null: `head` holds another one. */
  private lasting: Buffer | null = null;

  constructor(limits: HeadLimits) {
    this.head = new RequestHead(limits);
    this.maxHeadBytes = limits.headBytes;
  }

  /** Parses a head that belongs to no request yet. Returns what `RequestHead.read` does. */
  readNew(bytes: Buffer, start: number, emptyLines = 0): number {
    this.holder = this.lasting = null;
    return this.head.read(bytes, start, bytes.length, emptyLines);
  }

  /** The same for bytes that are a whole head, and never change: the same ones twice in a row are parsed once. */
  readLasting(bytes: Buffer): number {
    this.holder = null;
    if (this.lasting === bytes) return bytes.length;
    const after = this.head.read(bytes, 0, bytes.length);
    this.lasting = after > 0 ? bytes : null;
    return after;
  }

  /** From now on the head and its edits are this request's. */
  assign(request: object): void {
    this.holder = request;
  }

  isHeldBy(request: object): boolean {
    return this.holder === request;
  }

  /**
   * The head of this request, whose bytes are `raw` from `start` on: parsed again if another head was read since. In that case
   * the edits are not valid, and the head is nobody's until `assign`.
   */
  reread(request: object, raw: Buffer, start: number): RequestHead {
    if (this.holder !== request) this.readNew(raw, start);
    return this.head;
  }

  /** The request is over. */
  release(request: object): void {
    if (this.holder === request) this.holder = null;
  }
}
