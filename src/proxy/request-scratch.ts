/**
 * The one parsed request head of a listener, and the edits for the server. Parsing a head is cheap and keeping a parsed one per
 * request is not, so all exchanges of a listener use this one, and an exchange that needs its head again after another one has
 * been read parses its own bytes once more. This object knows whose head it holds:
 *
 *      readNew ──> nobody's ── assign(exchange) ──> the exchange's ── readNew, or reread by another, or release ──> nobody's
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

  constructor(limits: HeadLimits) {
    this.head = new RequestHead(limits);
    this.maxHeadBytes = limits.headBytes;
  }

  /** Parses a head that belongs to no exchange yet. Returns what `RequestHead.read` does. */
  readNew(bytes: Buffer, start: number, emptyLines = 0): number {
    this.holder = null;
    return this.head.read(bytes, start, bytes.length, emptyLines);
  }

  /** From now on the head and its edits are this exchange's. */
  assign(exchange: object): void {
    this.holder = exchange;
  }

  isHeldBy(exchange: object): boolean {
    return this.holder === exchange;
  }

  /**
   * The head of this exchange, whose bytes are `raw` from `start` on: parsed again if another head was read since. In that case
   * the edits are not valid, and the head is nobody's until `assign`.
   */
  reread(exchange: object, raw: Buffer, start: number): RequestHead {
    if (this.holder !== exchange) this.readNew(raw, start);
    return this.head;
  }

  /** The exchange is over. */
  release(exchange: object): void {
    if (this.holder === exchange) this.holder = null;
  }
}
