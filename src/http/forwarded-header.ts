/**
 * Reads Forwarded (RFC 7239): one element for each proxy on the way, made of pairs whose values may be in quotes.
 *
 *      Forwarded: for=192.0.2.43;proto=https, for="[2001:db8::17]:4711";host="a,b"
 *
 * The bytes of a line are passed twice at most, and no string is made before somebody asks for a value: the client may send many lines.
 */
import { addressOf, plainAddress } from '../ip.ts';
import { BACKSLASH, COMMA, EQUALS, equalsIgnoreCase, QUOTE, SEMICOLON, SP, TAB } from './bytes.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';

/** The parameters that are read. */
export const Parameter = { for: 0, proto: 1, host: 2 } as const;
type ParameterNumber = (typeof Parameter)[keyof typeof Parameter];

/** Numbers that are kept for one element: start and end of the value of each parameter. */
const stride = 6;
/** In place of a position: the parameter is there twice with different values, and another reader may take the other one. */
const ambiguous = -1;

export class ForwardedElements {
  /** Elements that were understood. */
  count = 0;
  /** Indexes of the header lines that were understood, the last line first. */
  readonly lines: number[] = [];
  private readonly most: number;
  private bytes: Buffer = Buffer.alloc(0);
  private readonly at: Int32Array;
  /** Start and end of the last elements of one line, in a ring: element n stands at n modulo `most`. */
  private readonly bounds: Int32Array;

  /** `most`: the elements that are kept; those before them are not looked into. */
  constructor(most: number) {
    this.most = most;
    this.at = new Int32Array(most * stride);
    this.bounds = new Int32Array(most * 2);
  }

  /**
   * Reads all lines of Forwarded, from the last one back. When a quote of a line is not closed, or a part of an element is not a pair,
   * nobody can say where an element begins and ends, so nothing of that line counts. Nor do lines without an element.
   */
  read(headers: Headers): void {
    this.count = 0;
    this.lines.length = 0;
    if (!headers.has(Name.forwarded)) return;
    this.bytes = headers.bytes;
    for (let i = headers.count - 1; i >= headers.first(Name.forwarded); i--) {
      if (headers.id(i) === Name.forwarded && this.readLine(headers.valueStart(i), headers.valueEnd(i)))
        this.lines.push(i);
    }
  }

  /** The value without quotes; '' for a parameter that is missing or ambiguous. Element 0 is the one of the nearest proxy. */
  value(element: number, parameter: ParameterNumber): string {
    const slot = element * stride + parameter * 2;
    const start = this.at[slot]!;
    const end = this.at[slot + 1]!;
    if (start === ambiguous) return '';
    if (this.bytes[start] !== QUOTE || start === end) return this.bytes.toString('latin1', start, end);
    const inner = this.bytes.toString('latin1', start + 1, end - 1);
    return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner;
  }

  /** The address of the node, in the form of X-Forwarded-For; '' when it hides its address, or says nothing. */
  node(element: number): string {
    return addressOf(this.value(element, Parameter.for));
  }

  private readLine(start: number, end: number): boolean {
    const found = this.findElements(start, end);
    if (found <= 0) return false;
    const before = this.count;
    for (let n = found - 1; n >= 0 && n >= found - this.most && this.count < this.most; n--) {
      const slot = (n % this.most) * 2;
      if (!this.readElement(this.bounds[slot]!, this.bounds[slot + 1]!)) {
        this.count = before;
        return false;
      }
      this.count++;
    }
    return true;
  }

  /** Fills `bounds` and answers how many elements the line has, empty ones not counted; -1: a quote is not closed. */
  private findElements(start: number, end: number): number {
    const { bytes, bounds, most } = this;
    let found = 0;
    let isQuoted = false;
    let isEmpty = true;
    for (let p = start; p <= end; p++) {
      const byte = p === end ? COMMA : bytes[p]!;
      if (isQuoted) {
        if (p === end) return -1;
        if (byte === BACKSLASH) p++;
        else if (byte === QUOTE) isQuoted = false;
      } else if (byte === COMMA) {
        if (!isEmpty) {
          const slot = (found++ % most) * 2;
          bounds[slot] = start;
          bounds[slot + 1] = p;
          isEmpty = true;
        }
        start = p + 1;
      } else if (byte !== SP && byte !== TAB && byte !== SEMICOLON) {
        isEmpty = false;
        if (byte === QUOTE) isQuoted = true;
      }
    }
    return isQuoted ? -1 : found;
  }

  /** Reads the pairs of one element, into the place behind the last one; false: a part is not a pair. */
  private readElement(start: number, end: number): boolean {
    const { bytes, at } = this;
    const first = this.count * stride;
    at.fill(0, first, first + stride);
    for (let p = start; p < end; p++) {
      while (p < end && isBlank(bytes[p]!)) p++;
      const from = p;
      let equals = -1;
      let isQuoted = false;
      for (; p < end; p++) {
        const byte = bytes[p]!;
        if (byte === EQUALS && equals === -1) equals = p;
        if (isQuoted && byte === BACKSLASH) p++;
        else if (byte === QUOTE) isQuoted = !isQuoted;
        else if (byte === SEMICOLON && !isQuoted) break;
      }
      if (from === p) continue;
      if (equals <= from || !this.readPair(from, equals, p, first)) return false;
    }
    return true;
  }

  private readPair(start: number, equals: number, end: number, first: number): boolean {
    const { bytes, at } = this;
    let nameEnd = equals;
    while (nameEnd > start && isBlank(bytes[nameEnd - 1]!)) nameEnd--;
    const parameter = parameterOf(bytes, start, nameEnd);
    if (parameter === -1) return true;
    let from = equals + 1;
    while (from < end && isBlank(bytes[from]!)) from++;
    while (end > from && isBlank(bytes[end - 1]!)) end--;
    if (!isValue(bytes, from, end)) return false;
    const slot = first + parameter * 2;
    if (at[slot] === ambiguous) return true;
    if (at[slot] === at[slot + 1]) {
      at[slot] = from;
      at[slot + 1] = end;
    } else if (!isSame(bytes, at[slot]!, at[slot + 1]!, from, end)) at[slot] = ambiguous;
    return true;
  }
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB;
}

function parameterOf(bytes: Buffer, start: number, end: number): ParameterNumber | -1 {
  if (end - start === 3) return equalsIgnoreCase(bytes, start, end, 'for') ? Parameter.for : -1;
  if (end - start === 4) return equalsIgnoreCase(bytes, start, end, 'host') ? Parameter.host : -1;
  return equalsIgnoreCase(bytes, start, end, 'proto') ? Parameter.proto : -1;
}

/** No quote at all, or one quoted string from the first byte to the last. */
function isValue(bytes: Buffer, start: number, end: number): boolean {
  if (start === end || bytes[start] !== QUOTE) {
    for (let p = start; p < end; p++) if (bytes[p] === QUOTE) return false;
    return true;
  }
  for (let p = start + 1; p < end; p++) {
    if (bytes[p] === BACKSLASH) p++;
    else if (bytes[p] === QUOTE) return p === end - 1;
  }
  return false;
}

/** The same value, once with quotes and once without too. What needs a backslash has to be written the same way. */
function isSame(bytes: Buffer, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  const isQuoted = bytes[start] === QUOTE;
  const differs = isQuoted !== (bytes[otherStart] === QUOTE && otherStart < otherEnd);
  if (isQuoted) [start, end] = [start + 1, end - 1];
  if (isQuoted !== differs) [otherStart, otherEnd] = [otherStart + 1, otherEnd - 1];
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = 0; start + i < end; i++) {
    const byte = bytes[start + i];
    if (byte !== bytes[otherStart + i] || (byte === BACKSLASH && differs)) return false;
  }
  return true;
}

/** The line with IPv4 addresses that were written as IPv6 in their IPv4 form. */
export function plainNodes(line: string): string {
  if (!/ffff/i.test(line)) return line;
  return line.replace(/"\[([^\]"]+)\](:[^"]*)?"/g, (whole, address: string, port: string | undefined) => {
    const plain = plainAddress(address);
    if (plain === address) return whole;
    return port === undefined ? plain : `"${plain}${port}"`;
  });
}
