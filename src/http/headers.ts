/**
 * Reads a header section in one pass over its bytes and remembers where everything stands. No string, no
 * object per header: a table of positions into the bytes that came from the socket.
 *
 *      Content-Type: text/html  CR LF
 *      ^lineStart  ^nameEnd     ^valueEnd
 *                    ^valueStart
 *
 * Strict (RFC 9112 sections 2.2 and 5): names are tokens directly before the colon, lines end in CR LF, no
 * folding, no control bytes.
 */
import { type Fault, requestFaults as faults } from '../errors.ts';
import { COLON, COMMA, CR, equalsIgnoreCase, foldName, HYPHEN, LF, SP, TAB } from './bytes.ts';
import { hashStep, Name, nameCount, nameOf } from './names.ts';
import { fieldEnd } from './scan.ts';

/** Positions kept per header. */
const stride = 4;

export class Headers {
  bytes: Buffer = Buffer.alloc(0);
  count = 0;
  /** Why `read` refused. */
  fault: Fault | null = null;
  /** Bit n is set when the header with number n (names.ts) is there; in `repeated` when it is there twice or more. */
  seen = 0;
  repeated = 0;
  /** Some header is marked as dropped. */
  hasDropped = false;

  private readonly max: number;
  private readonly at: Int32Array;
  private readonly ids: Uint8Array;
  /**
   * 1: named by Connection, or written with `_`, `.` and the like so that a server may take it for a known header. Not
   * forwarded.
   */
  private readonly dropped: Uint8Array;
  private readonly firstOf = new Uint16Array(nameCount);

  constructor(max: number) {
    this.max = max;
    this.at = new Int32Array((max + 1) * stride);
    this.ids = new Uint8Array(max);
    this.dropped = new Uint8Array(max);
  }

  /** Offset after the empty line that ends the section, 0 when bytes are missing, -1 when refused (`fault`). */
  read(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes;
    this.count = 0;
    this.seen = 0;
    this.repeated = 0;
    this.hasDropped = false;
    const at = this.at;
    let p = start;
    let n = 0;
    for (;;) {
      if (p >= end) return 0;
      at[n * stride] = p;
      let byte = bytes[p]!;
      if (byte === CR) {
        if (p + 1 >= end) return 0;
        if (bytes[p + 1] !== LF) return this.refuse(faults.bareLineFeed);
        this.count = n;
        return p + 2;
      }
      if (n === this.max) return this.refuse(faults.tooManyHeaders);
      if (byte === SP || byte === TAB) return this.refuse(n === 0 ? faults.badHeaderName : faults.foldedHeader);

      const nameStart = p;
      let hash = 0;
      for (;;) {
        const folded = foldName[byte]!;
        if (folded === 0) break;
        hash = hashStep(hash, folded);
        if (++p >= end) return 0;
        byte = bytes[p]!;
      }
      if (byte !== COLON || p === nameStart) {
        return this.refuse(byte === LF ? faults.bareLineFeed : faults.badHeaderName);
      }
      const nameEnd = p++;
      while (p < end && ((byte = bytes[p]!) === SP || byte === TAB)) p++;
      const valueStart = p;
      p = fieldEnd(bytes, p, end);
      if (p + 1 >= end) {
        if (p < end && bytes[p] !== CR)
          return this.refuse(bytes[p] === LF ? faults.bareLineFeed : faults.badHeaderValue);
        return 0;
      }
      byte = bytes[p]!;
      if (byte !== CR) return this.refuse(byte === LF ? faults.bareLineFeed : faults.badHeaderValue);
      if (bytes[p + 1] !== LF) return this.refuse(faults.badHeaderValue);
      let valueEnd = p;
      while (valueEnd > valueStart && ((byte = bytes[valueEnd - 1]!) === SP || byte === TAB)) valueEnd--;
      p += 2;

      const id = nameOf(bytes, nameStart, nameEnd, hash);
      const i = n * stride;
      at[i + 1] = nameEnd;
      at[i + 2] = valueStart;
      at[i + 3] = valueEnd;
      this.ids[n] = id;
      this.dropped[n] = 0;
      if (id !== Name.other) {
        if (isDisguised(bytes, nameStart, nameEnd)) {
          this.dropped[n] = 1;
          this.hasDropped = true;
          this.ids[n] = Name.other;
        } else if ((this.seen & (1 << id)) === 0) {
          this.seen |= 1 << id;
          this.firstOf[id] = n;
        } else this.repeated |= 1 << id;
      }
      n++;
    }
  }

  has(id: number): boolean {
    return (this.seen & (1 << id)) !== 0;
  }

  hasSeveral(id: number): boolean {
    return (this.repeated & (1 << id)) !== 0;
  }

  /** Index of the first header of that name; ask `has` first. */
  first(id: number): number {
    return this.firstOf[id]!;
  }

  id(i: number): number {
    return this.ids[i]!;
  }

  isDropped(i: number): boolean {
    return this.dropped[i] === 1;
  }

  lineStart(i: number): number {
    return this.at[i * stride]!;
  }

  /** After the line's CR LF. */
  lineEnd(i: number): number {
    return this.at[(i + 1) * stride]!;
  }

  nameEnd(i: number): number {
    return this.at[i * stride + 1]!;
  }

  valueStart(i: number): number {
    return this.at[i * stride + 2]!;
  }

  valueEnd(i: number): number {
    return this.at[i * stride + 3]!;
  }

  /** Where the first header line begins and the last one ends. */
  get start(): number {
    return this.at[0]!;
  }

  get end(): number {
    return this.at[this.count * stride]!;
  }

  /** The value as text (latin1: a byte is a character). Allocates: not for the hot path. */
  value(i: number): string {
    return this.bytes.toString('latin1', this.valueStart(i), this.valueEnd(i));
  }

  /** Value of the first header of that name, null when there is none. */
  valueOf(id: number): string | null {
    return this.has(id) ? this.value(this.first(id)) : null;
  }

  /** Value of the first header of a name that names.ts does not have, in lower case; '' when there is none. Not for the hot path. */
  named(name: string): string {
    for (let i = 0; i < this.count; i++) {
      if (this.ids[i] !== Name.other || !equalsIgnoreCase(this.bytes, this.lineStart(i), this.nameEnd(i), name))
        continue;
      return this.value(i);
    }
    return '';
  }

  /**
   * Reads the Connection headers (RFC 9110 section 7.6.1): answers the bits of `ConnectionOption` and marks
   * the headers that they name as dropped, except those that a client must not be able to name away. -1 when there are
   * more than `maxConnectionOptions` (`fault`): each of them is compared with each header.
   */
  readConnection(): number {
    const { bytes } = this;
    let options = 0;
    let count = 0;
    let named = 0;
    for (let i = this.first(Name.connection); i < this.count; i++) {
      if (this.ids[i] !== Name.connection) continue;
      const valueEnd = this.valueEnd(i);
      for (let p = this.valueStart(i); p < valueEnd; p++) {
        let start = p;
        while (p < valueEnd && bytes[p] !== COMMA) p++;
        let end = p;
        while (start < end && (bytes[start] === SP || bytes[start] === TAB)) start++;
        while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === TAB)) end--;
        // Empty elements of a list are ignored (RFC 9110 section 5.6.1.2).
        if (start === end) continue;
        if (++count > maxConnectionOptions) return this.refuse(faults.tooManyConnectionOptions);
        if (equalsIgnoreCase(bytes, start, end, 'keep-alive')) options |= ConnectionOption.keepAlive;
        else if (equalsIgnoreCase(bytes, start, end, 'close')) options |= ConnectionOption.close;
        else if (equalsIgnoreCase(bytes, start, end, 'upgrade')) options |= ConnectionOption.upgrade;
        else {
          nameStarts[named] = start;
          nameEnds[named++] = end;
        }
      }
    }
    if (named > 0) this.dropNamed(named);
    return options;
  }

  /** Marks the headers that have one of the first `named` names which `readConnection` has found: one pass over the headers. */
  private dropNamed(named: number): void {
    const { bytes } = this;
    const names: string[] = [];
    for (let n = 0; n < named; n++) {
      const name = bytes.toString('latin1', nameStarts[n], nameEnds[n]).toLowerCase();
      if (!endToEnd.has(name) && !names.includes(name)) names.push(name);
    }
    for (let i = 0; i < this.count; i++) {
      const id = this.ids[i];
      if (id !== Name.other && id !== Name.te && id !== Name.keepAlive) continue;
      const start = this.lineStart(i);
      const end = this.nameEnd(i);
      for (const name of names) {
        if (!equalsIgnoreCase(bytes, start, end, name)) continue;
        this.dropped[i] = 1;
        this.hasDropped = true;
        break;
      }
    }
  }

  private refuse(fault: Fault): number {
    this.fault = fault;
    return -1;
  }
}

/** Messages of real programs have three at most. */
export const maxConnectionOptions = 32;
/** Positions of the options that are names of headers; used within one call only. */
const nameStarts = new Int32Array(maxConnectionOptions);
const nameEnds = new Int32Array(maxConnectionOptions);

/** Written with `_`, `.` and the like instead of a hyphen. Only checked for known names: for others it does not matter. */
function isDisguised(bytes: Buffer, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (bytes[p] !== HYPHEN && foldName[bytes[p]!] === HYPHEN) return true;
  return false;
}

export const ConnectionOption = { close: 1, keepAlive: 2, upgrade: 4 } as const;

/**
 * Headers that Connection may not remove, besides every name of names.ts: otherwise an attacker could remove headers that a server
 * bases decisions on ("abusing hop-by-hop headers", 2019).
 */
const endToEnd = new Set(['authorization', 'origin', 'referer', 'x-real-ip', 'x-request-id', 'content-type', 'range']);
