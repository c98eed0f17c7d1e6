/**
 * Finds where a body ends and gives out its data, without copying it: the data of one read stand in the very
 * bytes that were read. Chunked framing (RFC 9112 section 7.1) is checked byte by byte and taken off in place.
 *
 *      read:    5 CR LF h e l l o CR LF 3 CR LF y o u CR LF      becomes    . . . h e l l o y o u . . .
 *                                                                                 ^dataStart      ^dataEnd
 */
import { type Fault, requestFaults as faults } from '../errors.ts';
import { CR, hexValue, LF, SEMICOLON } from './bytes.ts';
import { extensionBegin, extensionEnds, extensionStep } from './chunk-extension.ts';
import { Headers } from './headers.ts';
import { Name } from './names.ts';
import { append, isWorthReading } from './pieces.ts';
import { readSessionCommand, type SessionCommand } from './session-headers.ts';
import { mayBeTrailer } from './trailers.ts';

/** How a body says where it ends: a count of bytes, or one of these. */
export const BodyLength = { chunked: -1, untilClose: -2 } as const;

const State = { size: 0, extension: 1, sizeLf: 2, data: 3, dataCr: 4, dataLf: 5, trailer: 6 } as const;

/** Chunk extensions are read and ignored. Without a bound, a client could send them for ever (CVE-2023-39326). */
const maxExtensionBytes = 16 * 1024;
const maxTrailerBytes = 8 * 1024;
/** A trailer section up to this size is read again with each piece, so that an error in it is reported at once. */
const smallTrailerBytes = 1024;
export const maxTrailers = 64;

export class BodyReader {
  /** The whole body has been read. */
  done = true;
  /** Data of the last `read`, within the bytes given to it. */
  dataStart = 0;
  dataEnd = 0;
  /** Why `read` refused. */
  fault: Fault | null = null;
  /** Trailer lines, each with its CR LF, checked and without those that may not be trailers; null when there are none. */
  trailers: Buffer | null = null;
  /** The command for the session in the trailers. */
  command: SessionCommand | 'bad' | null = null;

  private length = 0;
  private state: number = State.size;
  /** Bytes left: of the body, or of the chunk. */
  private left = 0;
  private digits = 0;
  private extension = extensionBegin;
  private extensionBytes = 0;
  private held: Buffer | null = null;
  /** Its size in bytes when it was read last. */
  private heldRead = 0;

  /** A body of `length` bytes, or one of `BodyLength`. */
  begin(length: number): void {
    this.length = length;
    this.done = length === 0;
    this.fault = null;
    this.trailers = this.command = null;
    this.left = Math.max(0, length);
    this.state = State.size;
    this.digits = 0;
    this.extensionBytes = 0;
    this.held = null;
  }

  /** It ends with the connection: only a regular close shows that it came whole. */
  get untilClose(): boolean {
    return this.length === BodyLength.untilClose;
  }

  /** The number of bytes that are left is known, and at most `bytes`. */
  endsWithin(bytes: number): boolean {
    return this.length >= 0 && this.left <= bytes;
  }

  /** Offset after what belongs to this body, -1 when it is malformed (`fault`). Chunked data are moved within `bytes`. */
  read(bytes: Buffer, start: number): number {
    if (this.length === BodyLength.chunked) return this.readChunked(bytes, start);
    this.dataStart = start;
    if (this.length === BodyLength.untilClose) {
      this.dataEnd = bytes.length;
      return bytes.length;
    }
    const end = Math.min(bytes.length, start + this.left);
    this.dataEnd = end;
    this.left -= end - start;
    this.done = this.left === 0;
    return end;
  }

  private readChunked(bytes: Buffer, start: number): number {
    this.dataStart = this.dataEnd = start;
    const end = bytes.length;
    let p = start;
    while (p < end) {
      const byte = bytes[p]!;
      switch (this.state) {
        case State.size: {
          const digit = hexValue[byte]!;
          if (digit !== 255) {
            // No body has 2^52 bytes: a longer number is an attempt to overflow another reader.
            if (++this.digits > 13) return this.refuse(faults.badChunk);
            this.left = this.left * 16 + digit;
          } else if (this.digits === 0) return this.refuse(faults.badChunk);
          else if (byte === CR) this.state = State.sizeLf;
          else if (byte === SEMICOLON) {
            this.state = State.extension;
            this.extension = extensionBegin;
          } else return this.refuse(faults.badChunk);
          p++;
          break;
        }
        case State.extension:
          if (byte === CR && extensionEnds(this.extension)) this.state = State.sizeLf;
          else {
            this.extension = extensionStep(this.extension, byte);
            if (this.extension < 0 || ++this.extensionBytes > maxExtensionBytes) return this.refuse(faults.badChunk);
          }
          p++;
          break;
        case State.sizeLf:
          if (byte !== LF) return this.refuse(faults.badChunk);
          this.state = this.left === 0 ? State.trailer : State.data;
          // Data allow for more extensions: a long upload may have a small one with each chunk.
          this.extensionBytes = Math.max(0, this.extensionBytes - this.left);
          p++;
          break;
        case State.data: {
          const stop = Math.min(end, p + this.left);
          if (this.dataEnd === this.dataStart) {
            this.dataStart = p;
            this.dataEnd = stop;
          } else {
            bytes.copyWithin(this.dataEnd, p, stop);
            this.dataEnd += stop - p;
          }
          this.left -= stop - p;
          p = stop;
          if (this.left === 0) this.state = State.dataCr;
          break;
        }
        case State.dataCr:
          if (byte !== CR) return this.refuse(faults.badChunk);
          this.state = State.dataLf;
          p++;
          break;
        case State.dataLf:
          if (byte !== LF) return this.refuse(faults.badChunk);
          this.state = State.size;
          this.digits = 0;
          p++;
          break;
        default:
          return this.readTrailer(bytes, p);
      }
    }
    return p;
  }

  /** Trailers are rare and short: they are collected until the section is whole. */
  private readTrailer(bytes: Buffer, start: number): number {
    const before = this.held?.length ?? 0;
    const section = this.held === null ? bytes.subarray(start) : append(this.held, bytes.subarray(start));
    if (
      before > smallTrailerBytes &&
      section.length < maxTrailerBytes &&
      !isWorthReading(section, before, this.heldRead)
    ) {
      this.held = section;
      return bytes.length;
    }
    const read = trailerHeaders.read(section, 0, Math.min(section.length, maxTrailerBytes));
    if (read < 0 || (read === 0 && section.length >= maxTrailerBytes)) return this.refuse(faults.badTrailer);
    if (read === 0) {
      this.held = before > 0 ? section : Buffer.from(section);
      this.heldRead = section.length;
      return bytes.length;
    }
    this.held = null;
    this.trailers = keepTrailers(trailerHeaders);
    if (trailerHeaders.has(Name.limpet)) this.command = readSessionCommand(trailerHeaders);
    this.done = true;
    return start + read - before;
  }

  private refuse(fault: Fault): -1 {
    this.fault = fault;
    return -1;
  }
}

/** Used within one call only, so one serves all bodies. */
const trailerHeaders = new Headers(maxTrailers);

/** The lines that may be trailers, in a buffer of their own; null when there are none. */
export function keepTrailers(headers: Headers): Buffer | null {
  const kept: Buffer[] = [];
  for (let i = 0; i < headers.count; i++) {
    const name = headers.bytes.toString('latin1', headers.lineStart(i), headers.nameEnd(i));
    if (headers.id(i) !== Name.other || headers.isDropped(i) || !mayBeTrailer(name)) continue;
    kept.push(headers.bytes.subarray(headers.lineStart(i), headers.lineEnd(i)));
  }
  return kept.length === 0 ? null : Buffer.concat(kept);
}
