/**
 * Puts a header block together from HEADERS and its CONTINUATION frames (RFC 9113 section 4.3), without padding and without the fields of
 * the deprecated priorities. A block of one frame, which nearly all are, is not copied. That nothing stands between the frames, and that
 * CONTINUATION follows a block which is not complete, the frame reader has seen to.
 *
 * Each CONTINUATION counts, also an empty one: a block that goes on for ever costs its sender next to nothing (CVE-2024-27316 and others,
 * "CONTINUATION flood").
 */
import { type H2Error, h2Errors } from './errors.ts';
import { Flag, FrameType, priorityBytes } from './frame.ts';
import type { FrameReader } from './frame-reader.ts';

export interface BlockLimits {
  /** Bytes of a block as it comes, compressed. */
  readonly maxBlockBytes: number;
  readonly maxContinuations: number;
}

/** Up to this size the buffer of a connection stays for its next block. */
const keptBlockBytes = 4096;

export class HeaderBlock {
  /** The block, once it is complete; it is good until the next bytes of the connection are read. */
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;
  isComplete = false;
  streamId = 0;
  /** The HEADERS frame has the flag END_STREAM. */
  endStream = false;

  private readonly limits: BlockLimits;
  private continuations = 0;
  /** For blocks of several frames. */
  private buffer: Buffer = noBytes;
  private length = 0;

  constructor(limits: BlockLimits) {
    this.limits = limits;
  }

  /** Memory that it needs at the moment. */
  get keptBytes(): number {
    return this.buffer.length;
  }

  /** Takes a HEADERS or CONTINUATION frame from the reader. Afterwards the block may be complete. */
  add(reader: FrameReader): H2Error | null {
    return reader.type === FrameType.headers ? this.begin(reader) : this.goOn(reader);
  }

  /** The block has been decoded. */
  clear(): void {
    this.isComplete = false;
    this.bytes = noBytes;
    if (this.buffer.length > keptBlockBytes) this.buffer = noBytes;
  }

  private begin(reader: FrameReader): H2Error | null {
    const { bytes, flags } = reader;
    let { start, end } = reader;
    if ((flags & Flag.padded) !== 0) {
      if (start === end) return h2Errors.badFrameSize;
      const padBytes = bytes[start++]!;
      if (padBytes > end - start) return h2Errors.badPadding;
      end -= padBytes;
    }
    if ((flags & Flag.priority) !== 0) {
      if (end - start < priorityBytes) return h2Errors.badFrameSize;
      start += priorityBytes;
    }
    this.streamId = reader.streamId;
    this.endStream = (flags & Flag.endStream) !== 0;
    this.continuations = this.length = 0;
    if (end - start > this.limits.maxBlockBytes) return h2Errors.blockTooLarge;
    if ((flags & Flag.endHeaders) === 0) this.append(bytes, start, end);
    else this.complete(bytes, start, end);
    return null;
  }

  private goOn(reader: FrameReader): H2Error | null {
    const { bytes, start, end } = reader;
    if (++this.continuations > this.limits.maxContinuations) return h2Errors.tooManyContinuations;
    if (this.length + end - start > this.limits.maxBlockBytes) return h2Errors.blockTooLarge;
    this.append(bytes, start, end);
    if ((reader.flags & Flag.endHeaders) !== 0) this.complete(this.buffer, 0, this.length);
    return null;
  }

  private complete(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isComplete = true;
  }

  private append(bytes: Buffer, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.buffer.length, needed));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    bytes.copy(this.buffer, this.length, start, end);
    this.length = needed;
  }
}

const noBytes = Buffer.alloc(0);
