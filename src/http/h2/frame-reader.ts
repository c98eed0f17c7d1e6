/**
 * Finds the frames in the bytes of a connection, however these are cut, and refuses those that are wrong whatever came before them. One
 * call of `read` goes as far as the next event:
 *
 *      none      the bytes are used up
 *      data      a piece of a DATA frame, without its padding, within the bytes given to `read`: from `start` to `end`
 *      frame     any other frame of a known type, its payload whole in `bytes`, from `start` to `end`
 *      ignored   a frame of an unknown type has begun; its payload is skipped
 *      error     it cannot be read on (`error`)
 *
 * The states: preface (of a client) -> header -> data or payload or skip -> header ... Payload is kept only of a frame that is cut, and
 * at most `maxFrameSize` bytes of it.
 */
import { type H2Error, h2Errors } from './errors.ts';
import { clientPreface, Flag, FrameType, frameHeaderBytes, pingBytes, priorityBytes, settingBytes } from './frame.ts';

export const FrameEvent = { none: 0, data: 1, frame: 2, ignored: 3, error: 4 } as const;

const State = { preface: 0, header: 1, padLength: 2, data: 3, padding: 4, payload: 5, skip: 6, failed: 7 } as const;

/** Memory for a cut frame grows with what has come of it, from this size, and not with what it announces. */
const firstKeptBytes = 256;

export class FrameReader {
  /** What the last call of `read` has found: a value of `FrameEvent`. */
  event: number = FrameEvent.none;
  /** Of the frame that was read last. */
  type = 0;
  flags = 0;
  streamId = 0;
  /** Of its payload, with all padding: for DATA what counts against the windows. */
  length = 0;
  /** Where payload or data stand, of the last event. */
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;
  /** The event is the first, or the last, of its DATA frame. */
  isDataStart = false;
  isDataEnd = false;
  /** The part of a DATA frame's `length` that is no data. */
  overheadBytes = 0;
  error: H2Error | null = null;

  private readonly maxFrameSize: number;
  private state: number;
  /** Bytes of the preface or of the frame header that have come. */
  private had = 0;
  /** Bytes that are left of the data, the padding or what is skipped. */
  private left = 0;
  private padBytes = 0;
  /** An event has been given of this DATA frame. */
  private hasGivenData = false;
  /** The stream whose header block goes on; 0: none does. */
  private openBlock = 0;
  private isFirstFrame = true;
  /** Payload of a frame that is cut. */
  private kept: Buffer | null = null;
  private keptLength = 0;

  /** `maxFrameSize`: SETTINGS_MAX_FRAME_SIZE as this side has announced it. */
  constructor(maxFrameSize: number, expectsPreface: boolean) {
    this.maxFrameSize = maxFrameSize;
    this.state = expectsPreface ? State.preface : State.header;
  }

  /** Memory that it needs at the moment for a frame that is cut. */
  get keptBytes(): number {
    return this.kept === null ? 0 : this.kept.length;
  }

  /** A frame header, a frame that is no DATA, or a header block is not complete. */
  get isCut(): boolean {
    return this.had > 0 || this.openBlock !== 0 || this.state === State.payload || this.state === State.skip;
  }

  /** The DATA frame that was read last is complete and has the flag END_STREAM. */
  get endsStream(): boolean {
    return this.isDataEnd && (this.flags & Flag.endStream) !== 0;
  }

  /** Offset after the bytes that belong to the next event, which `event` then is. */
  read(bytes: Buffer, from: number): number {
    this.event = FrameEvent.none;
    const after = this.readEvent(bytes, from);
    // A quiet connection does not hold on to the bytes of its last read.
    if (this.event === FrameEvent.none) this.bytes = noBytes;
    return after;
  }

  private readEvent(bytes: Buffer, from: number): number {
    const limit = bytes.length;
    let p = from;
    while (this.event === FrameEvent.none) {
      switch (this.state) {
        case State.preface:
          if (p >= limit) return p;
          p = this.readPreface(bytes, p);
          break;
        case State.header:
          if (p >= limit) return p;
          p = this.readHeader(bytes, p);
          break;
        case State.padLength:
          if (p >= limit) return p;
          this.beginPadded(bytes[p++]!);
          break;
        case State.data:
          if (p >= limit && this.left > 0) return p;
          p = this.readData(bytes, p);
          break;
        case State.padding:
          if (p >= limit && this.left > 0) return p;
          p = this.readPadding(bytes, p);
          break;
        case State.payload:
          if (p >= limit && this.keptLength < this.length) return p;
          p = this.readPayload(bytes, p);
          break;
        case State.skip: {
          const skipped = Math.min(this.left, limit - p);
          this.left -= skipped;
          p += skipped;
          if (this.left > 0) return p;
          this.state = State.header;
          break;
        }
        default:
          this.event = FrameEvent.error;
      }
    }
    return p;
  }

  private readPreface(bytes: Buffer, from: number): number {
    let p = from;
    while (p < bytes.length && this.had < clientPreface.length) {
      if (bytes[p] !== clientPreface[this.had]) {
        this.fail(h2Errors.badPreface);
        return p;
      }
      p++;
      this.had++;
    }
    if (this.had === clientPreface.length) {
      this.had = 0;
      this.state = State.header;
    }
    return p;
  }

  private readHeader(bytes: Buffer, from: number): number {
    let p = from;
    if (this.had === 0 && bytes.length - p >= frameHeaderBytes) {
      this.length = (bytes[p]! << 16) | (bytes[p + 1]! << 8) | bytes[p + 2]!;
      this.type = bytes[p + 3]!;
      this.flags = bytes[p + 4]!;
      // The reserved bit is ignored (RFC 9113 section 4.1).
      this.streamId = ((bytes[p + 5]! & 0x7f) << 24) | (bytes[p + 6]! << 16) | (bytes[p + 7]! << 8) | bytes[p + 8]!;
      this.beginFrame();
      return p + frameHeaderBytes;
    }
    while (p < bytes.length) {
      const byte = bytes[p++]!;
      const at = this.had++;
      if (at === 0) this.length = byte;
      else if (at < 3) this.length = (this.length << 8) | byte;
      else if (at === 3) this.type = byte;
      else if (at === 4) this.flags = byte;
      else if (at === 5) this.streamId = byte & 0x7f;
      else this.streamId = (this.streamId << 8) | byte;
      if (this.had === frameHeaderBytes) {
        this.had = 0;
        this.beginFrame();
        break;
      }
    }
    return p;
  }

  private beginFrame(): void {
    const error = this.checkHeader();
    if (error !== null) {
      this.fail(error);
      return;
    }
    const { type, length } = this;
    this.isFirstFrame = false;
    if (type === FrameType.data) {
      this.hasGivenData = this.isDataEnd = false;
      this.overheadBytes = this.padBytes = 0;
      this.left = length;
      this.state = (this.flags & Flag.padded) === 0 ? State.data : State.padLength;
    } else if (type <= FrameType.continuation) this.state = State.payload;
    else {
      this.left = length;
      this.state = State.skip;
      this.event = FrameEvent.ignored;
    }
  }

  /** null: the frame may go on. Sections are those of RFC 9113. */
  private checkHeader(): H2Error | null {
    const { type, length, streamId } = this;
    if (this.isFirstFrame && (type !== FrameType.settings || (this.flags & Flag.ack) !== 0))
      return h2Errors.settingsNotFirst; // 3.4
    if (length > this.maxFrameSize) return h2Errors.frameTooLarge; // 4.2
    // 4.3: nothing may stand inside of a header block, not even a frame of an unknown type.
    if (this.openBlock !== 0 && (type !== FrameType.continuation || streamId !== this.openBlock))
      return h2Errors.blockInterrupted;
    switch (type) {
      case FrameType.data: // 6.1
        if (streamId === 0) return h2Errors.streamRequired;
        return length === 0 && (this.flags & Flag.padded) !== 0 ? h2Errors.badFrameSize : null;
      case FrameType.headers: // 6.2
        if (streamId === 0) return h2Errors.streamRequired;
        if ((this.flags & Flag.endHeaders) === 0) this.openBlock = streamId;
        return null;
      case FrameType.continuation: // 6.10
        if (streamId === 0) return h2Errors.streamRequired;
        if (this.openBlock === 0) return h2Errors.continuationWithoutBlock;
        if ((this.flags & Flag.endHeaders) !== 0) this.openBlock = 0;
        return null;
      case FrameType.priority: // 6.3
        if (streamId === 0) return h2Errors.streamRequired;
        return length === priorityBytes ? null : h2Errors.badFrameSize;
      case FrameType.resetStream: // 6.4
        if (streamId === 0) return h2Errors.streamRequired;
        return length === 4 ? null : h2Errors.badFrameSize;
      case FrameType.settings: // 6.5
        if (streamId !== 0) return h2Errors.streamForbidden;
        return length % settingBytes !== 0 || ((this.flags & Flag.ack) !== 0 && length > 0)
          ? h2Errors.badFrameSize
          : null;
      case FrameType.pushPromise: // 6.6, 8.4: Limpet disables push, and a client must not send it at all.
        return h2Errors.pushRefused;
      case FrameType.ping: // 6.7
        if (streamId !== 0) return h2Errors.streamForbidden;
        return length === pingBytes ? null : h2Errors.badFrameSize;
      case FrameType.goaway: // 6.8
        if (streamId !== 0) return h2Errors.streamForbidden;
        return length >= 8 ? null : h2Errors.badFrameSize;
      case FrameType.windowUpdate: // 6.9
        return length === 4 ? null : h2Errors.badFrameSize;
      default: // 4.1
        return null;
    }
  }

  private beginPadded(padLength: number): void {
    if (padLength >= this.length) {
      this.fail(h2Errors.badPadding);
      return;
    }
    this.padBytes = padLength;
    this.overheadBytes = 1 + padLength;
    this.left = this.length - this.overheadBytes;
    this.state = State.data;
  }

  /** A piece of the data; with the last one the padding too, when it is there. */
  private readData(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.left);
    this.giveData(bytes, from, end);
    this.left -= end - from;
    if (this.left > 0) return end;
    if (bytes.length - end >= this.padBytes) {
      this.isDataEnd = true;
      this.state = State.header;
      return end + this.padBytes;
    }
    this.left = this.padBytes;
    this.state = State.padding;
    return end;
  }

  private readPadding(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.left);
    this.left -= end - from;
    if (this.left > 0) return end;
    this.giveData(bytes, end, end);
    this.isDataEnd = true;
    this.state = State.header;
    return end;
  }

  private giveData(bytes: Buffer, start: number, end: number): void {
    this.isDataStart = !this.hasGivenData;
    this.hasGivenData = true;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.event = FrameEvent.data;
  }

  private readPayload(bytes: Buffer, from: number): number {
    const missing = this.length - this.keptLength;
    const end = Math.min(bytes.length, from + missing);
    if (this.kept === null && end - from === this.length) this.giveFrame(bytes, from, end);
    else {
      this.keep(bytes, from, end);
      if (this.keptLength < this.length) return end;
      const { kept } = this;
      this.kept = null;
      this.keptLength = 0;
      this.giveFrame(kept ?? noBytes, 0, this.length);
    }
    return end;
  }

  private giveFrame(bytes: Buffer, start: number, end: number): void {
    // 6.9: also of a stream. See errors.ts.
    if (this.type === FrameType.windowUpdate && (bytes.readUInt32BE(start) & 0x7fff_ffff) === 0) {
      this.fail(h2Errors.emptyWindowUpdate);
      return;
    }
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.state = State.header;
    this.event = FrameEvent.frame;
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    const needed = this.keptLength + end - start;
    if (this.kept === null || this.kept.length < needed) {
      const size = Math.min(this.length, Math.max(firstKeptBytes, 2 * needed));
      const larger = Buffer.allocUnsafeSlow(size);
      this.kept?.copy(larger, 0, 0, this.keptLength);
      this.kept = larger;
    }
    bytes.copy(this.kept, this.keptLength, start, end);
    this.keptLength = needed;
  }

  /** Terminal: there is no next frame, because nobody can say where it would begin. */
  private fail(error: H2Error): void {
    this.error = error;
    this.state = State.failed;
    this.kept = null;
    this.keptLength = 0;
    this.event = FrameEvent.error;
  }
}

const noBytes = Buffer.alloc(0);
