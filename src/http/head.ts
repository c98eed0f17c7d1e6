/**
 * Reads the heads of requests and responses, strictly (RFC 9112): what two readers could understand in different ways is refused.
 * It gets bytes and gives values; a head object is reused and holds no copy of the bytes.
 */
import { type Fault, requestFaults as faults } from '../errors.ts';
import {
  COLON,
  CR,
  equalsIgnoreCase,
  hexValue,
  isFieldByte,
  isHostByte,
  isTargetByte,
  isToken,
  LF,
  parseDecimal,
  QUESTION,
  SLASH,
  SP,
  TAB,
} from './bytes.ts';
import { ConnectionOption, Headers } from './headers.ts';
import { Name } from './names.ts';

export const Method = { other: 0, get: 1, head: 2, post: 3, put: 4, delete: 5, options: 6, patch: 7 } as const;

/** RFC 9110 section 9.2.2. */
export function isIdempotent(method: number): boolean {
  return method !== Method.post && method !== Method.patch && method !== Method.other;
}

export interface HeadLimits {
  /** Whole head, request line and empty line included. */
  readonly headBytes: number;
  readonly headers: number;
  readonly uriBytes: number;
}

/**
 * Empty lines that may come before a request line. RFC 9112 section 2.2 asks for at least one. Some clients send one after a body
 * without counting it in the length, and some scripts send several.
 */
const maxEmptyLines = 16;

export class RequestHead {
  readonly headers: Headers;
  /** Why `read` refused. */
  fault: Fault | null = null;
  bytes: Buffer = Buffer.alloc(0);
  /** Empty lines before it so far, and where it begins after them: known even when bytes are missing. */
  emptyLines = 0;
  begin = 0;

  method: number = Method.other;
  methodStart = 0;
  methodEnd = 0;
  /** The target as it was sent. */
  targetStart = 0;
  targetEnd = 0;
  /** The end of the request line. This, and the two ends before, are 0 when the head was not read that far. */
  lineEnd = 0;
  /** Path and query of the target: where origin-form begins. Empty when an absolute-form target has no path. */
  pathStart = 0;
  pathEnd = 0;
  /** Authority of an absolute-form target, which replaces Host (RFC 9112 section 3.2.2); else both 0. */
  authorityStart = 0;
  authorityEnd = 0;
  /** 1 or 0: the minor version of HTTP/1. A later one is read as 1, the latest one here (RFC 9110 section 2.5). */
  minor = 1;
  /** The client wants this connection to go on after the response. */
  keepAlive = true;
  /** Bytes of the body, 0 when there is none, -1 when chunked. */
  length = 0;
  /** Connection: upgrade with an Upgrade header, HTTP/1.1, and no body. */
  upgrade = false;

  private readonly limits: HeadLimits;

  constructor(limits: HeadLimits) {
    this.limits = limits;
    this.headers = new Headers(limits.headers);
  }

  get chunked(): boolean {
    return this.length === -1;
  }

  /**
   * Offset after the head, 0 when bytes are missing (call again with all of them), -1 when refused (`fault`).
   * Empty lines before the request line are skipped; `emptyBefore` of them have come before these bytes.
   */
  read(bytes: Buffer, start: number, end: number, emptyBefore = 0): number {
    this.bytes = bytes;
    this.fault = null;
    this.methodEnd = this.targetEnd = this.lineEnd = 0;
    this.emptyLines = emptyBefore;
    this.begin = start;
    while (this.begin < end && bytes[this.begin] === CR) {
      if (this.begin + 1 >= end) return 0;
      if (bytes[this.begin + 1] !== LF) return this.refuse(faults.bareLineFeed);
      if (++this.emptyLines > maxEmptyLines) return this.refuse(faults.badRequestLine);
      this.begin += 2;
    }
    // Bytes beyond the largest head are not read, so that the result does not depend on how the bytes arrived.
    const limit = Math.min(end, this.begin + this.limits.headBytes);
    let p = this.readRequestLine(bytes, this.begin, limit);
    if (p > 0) {
      this.lineEnd = p;
      const after = this.headers.read(bytes, p, limit);
      if (after < 0) return this.refuse(this.headers.fault!);
      if (after > 0) return this.understand() ? after : -1;
      p = 0;
    }
    if (p === 0 && limit < end) return this.refuse(faults.headTooLarge);
    return p;
  }

  private refuse(fault: Fault): -1 {
    this.fault = fault;
    return -1;
  }

  private readRequestLine(bytes: Buffer, start: number, end: number): number {
    let p = start;
    this.methodStart = p;
    while (p < end && isToken[bytes[p]!] === 1) p++;
    if (p >= end) return 0;
    if (bytes[p] !== SP || p === start) return this.refuse(p === start ? faults.badRequestLine : faults.badMethod);
    this.methodEnd = p++;
    this.method = methodOf(bytes, start, this.methodEnd);

    this.targetStart = p;
    while (p < end && isTargetByte[bytes[p]!] === 1) p++;
    if (p - this.targetStart > this.limits.uriBytes) return this.refuse(faults.uriTooLong);
    if (p >= end) return 0;
    if (p === this.targetStart) return this.refuse(faults.badRequestLine);
    if (bytes[p] !== SP)
      return this.refuse(bytes[p] === CR || bytes[p] === LF ? faults.badRequestLine : faults.badTarget);
    this.targetEnd = p++;

    // HTTP/1.x CR LF: ten bytes.
    for (let i = 0; i < 5; i++, p++) {
      if (p >= end) return 0;
      if (bytes[p] !== versionPrefix.charCodeAt(i)) return this.refuse(faults.badRequestLine);
    }
    for (let i = 0; i < 3; i++) {
      if (p + i >= end) return 0;
      const byte = bytes[p + i]!;
      if (i === 1 ? byte !== 46 : byte < 48 || byte > 57) return this.refuse(faults.badRequestLine);
    }
    if (bytes[p] !== 49) return this.refuse(faults.badVersion);
    this.minor = bytes[p + 2] === 48 ? 0 : 1;
    p += 3;
    if (p >= end) return 0;
    if (bytes[p] !== CR) return this.refuse(bytes[p] === LF ? faults.bareLineFeed : faults.badRequestLine);
    if (p + 1 >= end) return 0;
    if (bytes[p + 1] !== LF) return this.refuse(faults.badRequestLine);
    return p + 2;
  }

  /** Checks what the head means as a whole. False when it is refused. */
  private understand(): boolean {
    const headers = this.headers;
    if (this.method === Method.other && isRefusedMethod(this.bytes, this.methodStart, this.methodEnd))
      return this.refuse(faults.methodRefused) > 0;
    if (!this.readTarget()) return false;
    if (headers.hasSeveral(Name.host)) return this.refuse(faults.hostRepeated) > 0;
    if (headers.has(Name.host)) {
      const host = headers.first(Name.host);
      if (!isHost(this.bytes, headers.valueStart(host), headers.valueEnd(host))) return this.refuse(faults.badHost) > 0;
    } else if (this.minor === 1) return this.refuse(faults.hostMissing) > 0;

    const options = headers.has(Name.connection) ? headers.readConnection() : 0;
    if (options < 0) return this.refuse(headers.fault!) > 0;
    this.keepAlive =
      (options & ConnectionOption.close) === 0 && (this.minor === 1 || (options & ConnectionOption.keepAlive) !== 0);
    const fault = this.readFraming();
    if (fault !== null) return this.refuse(fault) > 0;
    this.upgrade =
      (options & ConnectionOption.upgrade) !== 0 && headers.has(Name.upgrade) && this.minor === 1 && this.length === 0;
    return this.readExpect();
  }

  /** RFC 9112 section 3.2: origin-form, absolute-form, or `*` of OPTIONS. */
  private readTarget(): boolean {
    const bytes = this.bytes;
    this.authorityStart = this.authorityEnd = 0;
    this.pathStart = this.targetStart;
    this.pathEnd = this.targetEnd;
    const first = bytes[this.targetStart];
    if (first === SLASH) return true;
    if (first === 42 && this.targetEnd - this.targetStart === 1 && this.method === Method.options) return true;
    const scheme = equalsIgnoreCase(bytes, this.targetStart, this.targetStart + 7, 'http://')
      ? 7
      : equalsIgnoreCase(bytes, this.targetStart, this.targetStart + 8, 'https://')
        ? 8
        : 0;
    if (scheme === 0 || this.targetStart + scheme > this.targetEnd) return this.refuse(faults.badTarget) > 0;
    let p = this.targetStart + scheme;
    this.authorityStart = p;
    while (p < this.targetEnd && bytes[p] !== SLASH && bytes[p] !== QUESTION) p++;
    this.authorityEnd = p;
    this.pathStart = p;
    return isHost(bytes, this.authorityStart, p) || this.refuse(faults.badTarget) > 0;
  }

  private readFraming(): Fault | null {
    const headers = this.headers;
    this.length = 0;
    if (headers.has(Name.transferEncoding)) {
      if (headers.has(Name.contentLength)) return faults.lengthAndEncoding;
      if (this.minor === 0) return faults.badTransferEncoding;
      this.length = -1;
      return readTransferEncoding(headers);
    }
    if (headers.has(Name.contentLength)) {
      if (headers.hasSeveral(Name.contentLength)) return faults.lengthRepeated;
      this.length = readContentLength(headers);
      return this.length < 0 ? faults.badContentLength : null;
    }
    // An HTTP/1.0 client has no other way to say where its body ends (RFC 1945 section 7.2.2).
    const hasBody = this.method === Method.post || this.method === Method.put || this.method === Method.patch;
    return this.minor === 0 && hasBody ? faults.lengthRequired : null;
  }

  private readExpect(): boolean {
    const headers = this.headers;
    if (!headers.has(Name.expect)) return true;
    const i = headers.first(Name.expect);
    if (
      headers.hasSeveral(Name.expect) ||
      !equalsIgnoreCase(this.bytes, headers.valueStart(i), headers.valueEnd(i), '100-continue')
    ) {
      return this.refuse(faults.expectUnknown) > 0;
    }
    return true;
  }
}

export class ResponseHead {
  readonly headers: Headers;
  /** What is wrong with it, as a fault of a request; the exchange reports `bad-response`. */
  fault: Fault | null = null;
  bytes: Buffer = Buffer.alloc(0);

  /** 100 to 999: codes above 599 are passed on, and the client decides what they mean (RFC 9110 section 15). */
  status = 0;
  /** As of a request. */
  minor = 1;
  /** From the status code to the end of the status line, without CR LF: `200 OK`. */
  statusStart = 0;
  statusEnd = 0;
  /** After the empty line. */
  end = 0;
  /** The server will keep this connection open. */
  keepAlive = true;
  /** Bytes of the body, -1 when chunked, -2 when it ends with the connection. Not for HEAD: see `bodyLength`. */
  length = 0;
  upgrade = false;

  private readonly limits: HeadLimits;

  constructor(limits: HeadLimits) {
    this.limits = limits;
    this.headers = new Headers(limits.headers);
  }

  /** Offset after the head, 0 when bytes are missing, -1 when refused (`fault`). */
  read(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes;
    this.fault = null;
    const limit = Math.min(end, start + this.limits.headBytes);
    let p = this.readStatusLine(bytes, start, limit);
    if (p > 0) {
      p = this.headers.read(bytes, p, limit);
      if (p < 0) return this.refuse(this.headers.fault!);
      this.end = p;
      if (p > 0) return this.understand() ? p : -1;
    }
    if (p === 0 && limit < end) return this.refuse(faults.headTooLarge);
    return p;
  }

  /** Bytes of body that follow (RFC 9112 section 6.3): as `length`, but 0 when the method or the status excludes a body. */
  bodyLength(requestMethod: number): number {
    if (requestMethod === Method.head || this.status < 200 || this.status === 204 || this.status === 304) return 0;
    return this.length;
  }

  private refuse(fault: Fault): -1 {
    this.fault = fault;
    return -1;
  }

  /** HTTP/1.1 SP 200 [SP reason] CR LF. The space before an empty reason is missing in practice: tolerated. */
  private readStatusLine(bytes: Buffer, start: number, end: number): number {
    for (let i = 0; i < statusLine.length; i++) {
      if (start + i >= end) return 0;
      const want = statusLine.charCodeAt(i);
      const byte = bytes[start + i]!;
      if (want === 48 ? byte < 48 || byte > 57 : byte !== want) return this.refuse(faults.badRequestLine);
    }
    if (bytes[start + 5] !== 49) return this.refuse(faults.badVersion);
    this.minor = bytes[start + 7] === 48 ? 0 : 1;
    let p = start + 9;
    this.statusStart = p;
    this.status = (bytes[p]! - 48) * 100 + (bytes[p + 1]! - 48) * 10 + bytes[p + 2]! - 48;
    if (this.status < 100) return this.refuse(faults.badRequestLine);
    p += 3;
    if (p >= end) return 0;
    if (bytes[p] !== SP && bytes[p] !== CR) return this.refuse(faults.badRequestLine);
    while (p < end && isFieldByte[bytes[p]!] === 1) p++;
    if (p >= end) return 0;
    this.statusEnd = p;
    if (bytes[p] !== CR) return this.refuse(faults.bareLineFeed);
    if (p + 1 >= end) return 0;
    return bytes[p + 1] === LF ? p + 2 : this.refuse(faults.bareLineFeed);
  }

  private understand(): boolean {
    const headers = this.headers;
    const options = headers.has(Name.connection) ? headers.readConnection() : 0;
    if (options < 0) return this.refuse(headers.fault!) > 0;
    this.keepAlive =
      (options & ConnectionOption.close) === 0 && (this.minor === 1 || (options & ConnectionOption.keepAlive) !== 0);
    this.upgrade = (options & ConnectionOption.upgrade) !== 0 && headers.has(Name.upgrade);
    let fault: Fault | null = null;
    if (headers.has(Name.transferEncoding)) {
      fault = headers.has(Name.contentLength)
        ? faults.lengthAndEncoding
        : this.minor === 0
          ? faults.badTransferEncoding
          : readTransferEncoding(headers);
      this.length = -1;
    } else if (headers.has(Name.contentLength)) {
      this.length = readContentLength(headers);
      if (headers.hasSeveral(Name.contentLength)) fault = faults.lengthRepeated;
      else if (this.length < 0) fault = faults.badContentLength;
    } else this.length = -2;
    return fault === null || this.refuse(fault) > 0;
  }
}

const versionPrefix = 'HTTP/';
/** A status line up to its code; 0 stands for any digit. */
const statusLine = 'HTTP/0.0 000';

const methods: readonly (readonly [number, string])[] = [
  [Method.get, 'GET'],
  [Method.head, 'HEAD'],
  [Method.post, 'POST'],
  [Method.put, 'PUT'],
  [Method.delete, 'DELETE'],
  [Method.options, 'OPTIONS'],
  [Method.patch, 'PATCH'],
];

/** Methods are case-sensitive (RFC 9110 section 9.1). */
function isExactly(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

function methodOf(bytes: Buffer, start: number, end: number): number {
  for (let i = 0; i < methods.length; i++) {
    const method = methods[i]!;
    if (isExactly(bytes, start, end, method[1])) return method[0];
  }
  return Method.other;
}

/** CONNECT would make Limpet a forward proxy; TRACE shows credentials to scripts (RFC 9110 sections 9.3.6, 9.3.8). */
function isRefusedMethod(bytes: Buffer, start: number, end: number): boolean {
  return isExactly(bytes, start, end, 'CONNECT') || isExactly(bytes, start, end, 'TRACE');
}

/** uri-host [":" port], not empty (RFC 9110 sections 4.2.1 and 7.2). */
function isHost(bytes: Buffer, start: number, end: number): boolean {
  let p = start;
  if (bytes[p] === 91 && p < end) {
    p++;
    const from = p;
    while (p < end && (hexValue[bytes[p]!] !== 255 || bytes[p] === COLON || bytes[p] === 46)) p++;
    if (p === from || p >= end || bytes[p] !== 93) return false;
    p++;
  } else {
    while (p < end && isHostByte[bytes[p]!] === 1) p++;
    if (p === start) return false;
  }
  if (p === end) return true;
  if (bytes[p] !== COLON) return false;
  for (p++; p < end; p++) if (bytes[p]! < 48 || bytes[p]! > 57) return false;
  return true;
}

function readContentLength(headers: Headers): number {
  const i = headers.first(Name.contentLength);
  return parseDecimal(headers.bytes, headers.valueStart(i), headers.valueEnd(i));
}

/** null when Transfer-Encoding is exactly one `chunked` (RFC 9112 section 6.1); otherwise the fault. */
function readTransferEncoding(headers: Headers): Fault | null {
  const bytes = headers.bytes;
  const i = headers.first(Name.transferEncoding);
  const start = headers.valueStart(i);
  const end = headers.valueEnd(i);
  if (headers.hasSeveral(Name.transferEncoding)) return faults.badTransferEncoding;
  if (equalsIgnoreCase(bytes, start, end, 'chunked')) return null;
  if (start === end) return faults.badTransferEncoding;
  const codings = bytes.toString('latin1', start, end).toLowerCase().split(',').map(withoutBlanks);
  const final = codings.length === 1 || codings.indexOf('chunked') === codings.length - 1;
  return final && codings.every(isCoding) ? faults.encodingUnknown : faults.badTransferEncoding;
}

/** Without spaces and tabs around it. Not by an expression: one that looks for `[ \t]+$` tries each blank of a run anew. */
function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SP || code === TAB;
}

/** A token, perhaps with parameters (RFC 9110 section 10.1.4); chunked has none (RFC 9112 section 7.1). */
function isCoding(coding: string): boolean {
  return !/^chunked[ \t]*;/.test(coding) && /^[!#$%&'*+.^_`|~0-9a-z-]+([ \t]*;.*)?$/.test(coding);
}
