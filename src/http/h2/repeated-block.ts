/**
 * Tells whether a header block of a request is, byte by byte, the one before it on its connection: as of a client that asks for the same
 * thing again and again, and of most calls of gRPC. What was made of its fields can then be used again, and they need not be decoded.
 *
 *      new ── the same bytes again ──> repeated ── the handler keeps what it has made of it ──> kept
 *       ^                                 │                                                      │
 *       └────────── other bytes ──────────┴──────── other bytes, or the table has changed ───────┘
 *
 * The same bytes mean the same fields as long as HPACK's table is the same (RFC 7541 section 2.2). So a block that changes the table is
 * never kept, and any change of the table by another block ends it.
 */
import type { HeaderBlock } from './header-block.ts';

/** Longer ones hold text, which differs from request to request as a rule. */
const maxBytes = 256;

export const Repeat = { none: 0, again: 1, kept: 2 } as const;

export class RepeatedBlock {
  /** The last block; -1: it was none that can be kept. */
  private length = -1;
  private endStream = false;
  /** Changes of the table, when the block had been decoded. */
  private changes = 0;
  private isKept = false;
  private bytes: Buffer = noBytes;

  /** Of a request's block, before it is decoded. `changes`: of HPACK's table, so far. Answers a value of `Repeat`. */
  compare(block: HeaderBlock, changes: number): number {
    const { bytes, start, end } = block;
    const { length } = this;
    if (end - start !== length || changes !== this.changes || block.endStream !== this.endStream) return Repeat.none;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== this.bytes[i]) return Repeat.none;
    return this.isKept ? Repeat.kept : Repeat.again;
  }

  /** It was another block than the last one, and has been decoded. `before` and `changes`: of the table, until then and now. */
  remember(block: HeaderBlock, before: number, changes: number): void {
    const { bytes, start, end } = block;
    const length = end - start;
    this.isKept = false;
    this.length = -1;
    if (length > maxBytes || before !== changes) return;
    if (length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(length);
    for (let i = 0; i < length; i++) this.bytes[i] = bytes[start + i]!;
    this.length = length;
    this.endStream = block.endStream;
    this.changes = changes;
  }

  /** The handler has kept what it has made of the last block. */
  keep(): void {
    this.isKept = this.length >= 0;
  }

  /** Another header block has come in between, which is none of a request. */
  forget(): void {
    this.length = -1;
    this.isKept = false;
  }
}

const noBytes = Buffer.alloc(0);
