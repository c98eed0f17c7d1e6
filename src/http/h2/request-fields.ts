/**
 * Writes the fields of an HTTP/2 request as a head of HTTP/1.1, which `RequestHead.read` then reads as strictly as any other: everything
 * behind it has one form of request. What cannot be seen in such a head any more is checked here (RFC 9113 section 8), so that nobody
 * can read another request in it than the client has sent:
 *
 *      :method GET                         GET /cart?id=1 HTTP/1.1
 *      :scheme https                       host: shop.example
 *      :authority shop.example      ->     accept: text/html
 *      :path /cart?id=1                    cookie: a=1; b=2
 *      accept text/html
 *      cookie a=1
 *      cookie b=2
 */
import { requestFaults as faults } from '../../errors.ts';
import { equalsIgnoreCase, isTargetByte, isToken, parseDecimal, SLASH } from '../bytes.ts';
import type { HeadWriter } from '../writer.ts';
import {
  FieldKind,
  type FieldsProblem,
  isPseudoField,
  isText,
  kindOf,
  problemOfValue,
  writeFieldLine,
} from './field-checks.ts';
import type { FieldList } from './hpack/field-list.ts';

/** No field. */
const none = -1;

export class RequestFields {
  /** Content-Length, to which the DATA frames have to add up (RFC 9113 section 8.1.1); -1: not given. */
  contentLength = -1;
  /** `te: trailers` was given. It is not in the head, because it holds for one connection only. */
  acceptsTrailers = false;
  /** The scheme is https. */
  isSecure = false;
  /**
   * An extended CONNECT (RFC 8441): the head is a GET that asks for an upgrade to `:protocol`. A server of HTTP/1.1 that speaks WebSocket
   * also wants a Sec-WebSocket-Key, which such a request does not have.
   */
  isExtendedConnect = false;

  private readonly mayExtendConnect: boolean;
  /** The fields of these names. */
  private method = none;
  private scheme = none;
  private authority = none;
  private path = none;
  private protocol = none;
  private host = none;
  private hasCookie = false;

  /** `mayExtendConnect`: SETTINGS_ENABLE_CONNECT_PROTOCOL has been sent. */
  constructor(mayExtendConnect: boolean) {
    this.mayExtendConnect = mayExtendConnect;
  }

  /**
   * Appends the head of a whole request to `out`. `isEnded`: the request ends with these fields, it has no data. After a problem,
   * what is in `out` is no head.
   */
  write(list: FieldList, isEnded: boolean, out: HeadWriter): FieldsProblem {
    this.begin();
    if (list.overflow) return faults.headTooLarge;
    let field = 0;
    for (; field < list.count && isPseudoField(list, field); field++) {
      const problem = this.readPseudoField(list, field) ?? problemOfValue(list, field);
      if (problem !== null) return problem;
    }
    const problem = this.checkPseudoFields(list);
    if (problem !== null) return problem;
    this.writeRequestLine(list, out);
    for (; field < list.count; field++) {
      const problem = this.writeField(list, field, isEnded, out);
      if (problem !== null) return problem;
    }
    return this.writeFraming(list, isEnded, out);
  }

  private begin(): void {
    this.contentLength = -1;
    this.acceptsTrailers = this.isSecure = this.isExtendedConnect = this.hasCookie = false;
    this.method = this.scheme = this.authority = this.path = this.protocol = this.host = none;
  }

  /** RFC 9113 section 8.3: each is given once, and none but these. */
  private readPseudoField(list: FieldList, field: number): FieldsProblem {
    const { bytes } = list;
    const start = list.nameStart(field);
    const end = list.valueStart(field);
    let before: number;
    if (isText(bytes, start, end, ':method')) {
      before = this.method;
      this.method = field;
    } else if (isText(bytes, start, end, ':path')) {
      before = this.path;
      this.path = field;
    } else if (isText(bytes, start, end, ':scheme')) {
      before = this.scheme;
      this.scheme = field;
    } else if (isText(bytes, start, end, ':authority')) {
      before = this.authority;
      this.authority = field;
    } else if (this.mayExtendConnect && isText(bytes, start, end, ':protocol')) {
      before = this.protocol;
      this.protocol = field;
    } else return 'a pseudo-header field is not known here';
    return before === none ? null : 'a pseudo-header field is given more than once';
  }

  private checkPseudoFields(list: FieldList): FieldsProblem {
    const { method, scheme, authority, path, protocol } = this;
    if (method === none) return 'a pseudo-header field is missing';
    const methodEnd = list.end(method);
    let p = list.valueStart(method);
    const isConnect = isText(list.bytes, p, methodEnd, 'CONNECT');
    if (p === methodEnd) return faults.badMethod;
    for (; p < methodEnd; p++) if (isToken[list.bytes[p]!] === 0) return faults.badMethod;
    if (isConnect && protocol === none) {
      // RFC 9113 section 8.5.
      if (authority === none) return 'a pseudo-header field is missing';
      if (scheme !== none || path !== none) return 'a pseudo-header field is not known here';
      return this.checkTarget(list, authority);
    }
    if (scheme === none || path === none) return 'a pseudo-header field is missing';
    if (protocol !== none) {
      if (!isConnect) return 'a pseudo-header field is not known here';
      if (authority === none) return 'a pseudo-header field is missing';
      const problem = this.checkProtocol(list);
      if (problem !== null) return problem;
      this.isExtendedConnect = true;
    }
    return this.checkScheme(list) ?? this.checkPath(list);
  }

  /** Other schemes are not malformed, but nothing is served under them. */
  private checkScheme(list: FieldList): FieldsProblem {
    const start = list.valueStart(this.scheme);
    const end = list.end(this.scheme);
    this.isSecure = equalsIgnoreCase(list.bytes, start, end, 'https');
    return this.isSecure || equalsIgnoreCase(list.bytes, start, end, 'http') ? null : faults.badTarget;
  }

  /** RFC 9113 section 8.3.1: an absolute path, perhaps with a query, or the `*` of OPTIONS. */
  private checkPath(list: FieldList): FieldsProblem {
    const { bytes } = list;
    const start = list.valueStart(this.path);
    const end = list.end(this.path);
    if (start < end && bytes[start] === SLASH) return this.checkTarget(list, this.path);
    const isOptions = isText(bytes, list.valueStart(this.method), list.end(this.method), 'OPTIONS');
    return isOptions && isText(bytes, start, end, '*') ? null : 'a pseudo-header field has a value that is not allowed';
  }

  /** A space would end the target in the request line. */
  private checkTarget(list: FieldList, field: number): FieldsProblem {
    const end = list.end(field);
    for (let p = list.valueStart(field); p < end; p++) if (isTargetByte[list.bytes[p]!] === 0) return faults.badTarget;
    return null;
  }

  /** A name of the registry of upgrade tokens. */
  private checkProtocol(list: FieldList): FieldsProblem {
    const start = list.valueStart(this.protocol);
    const end = list.end(this.protocol);
    let p = start;
    while (p < end && isToken[list.bytes[p]!] === 1) p++;
    return p === end && p > start ? null : 'a pseudo-header field has a value that is not allowed';
  }

  private writeRequestLine(list: FieldList, out: HeadWriter): void {
    const { bytes } = list;
    const target = this.path === none ? this.authority : this.path;
    if (this.isExtendedConnect) out.text('GET');
    else out.copy(bytes, list.valueStart(this.method), list.end(this.method));
    out.text(' ');
    out.copy(bytes, list.valueStart(target), list.end(target));
    out.text(' HTTP/1.1\r\n');
    // The strict reader checks that it is a host with an optional port: without user information, and not empty.
    if (this.authority === none) return;
    out.text('host: ');
    out.copy(bytes, list.valueStart(this.authority), list.end(this.authority));
    out.text('\r\n');
  }

  private writeField(list: FieldList, field: number, isEnded: boolean, out: HeadWriter): FieldsProblem {
    const before = out.length;
    const problem = writeFieldLine(list, field, out);
    if (problem !== null) return problem;
    switch (kindOf(list.bytes, list.nameStart(field), list.valueStart(field))) {
      case FieldKind.connection:
        return 'a field belongs to connections of HTTP/1.1';
      case FieldKind.te:
        out.length = before;
        this.acceptsTrailers = true;
        return equalsIgnoreCase(list.bytes, list.valueStart(field), list.end(field), 'trailers')
          ? null
          : 'te is not trailers';
      case FieldKind.cookie:
        out.length = before;
        if (!this.hasCookie) writeCookies(list, field, out);
        this.hasCookie = true;
        return null;
      case FieldKind.host:
        if (this.host !== none) return faults.hostRepeated;
        this.host = field;
        if (this.authority === none) return null;
        out.length = before;
        return this.isAuthority(list, field) ? null : 'host is not the authority';
      case FieldKind.contentLength:
        if (this.contentLength >= 0) return faults.lengthRepeated;
        this.contentLength = parseDecimal(list.bytes, list.valueStart(field), list.end(field));
        // Data may follow all the same, and a server would have taken the request for a whole one before.
        if (this.contentLength === 0 && !isEnded) out.length = before;
        return this.contentLength < 0 ? faults.badContentLength : null;
      default:
        return null;
    }
  }

  private isAuthority(list: FieldList, field: number): boolean {
    const { bytes } = list;
    const start = list.valueStart(field);
    const other = list.valueStart(this.authority);
    const length = list.end(field) - start;
    if (list.end(this.authority) - other !== length) return false;
    for (let i = 0; i < length; i++) if (lowerCase(bytes[start + i]!) !== lowerCase(bytes[other + i]!)) return false;
    return true;
  }

  /** How HTTP/1.1 tells where the data end, and the empty line. */
  private writeFraming(list: FieldList, isEnded: boolean, out: HeadWriter): FieldsProblem {
    if (this.isExtendedConnect) {
      // Its data belong to the tunnel (RFC 9110 section 9.3.6).
      if (this.contentLength >= 0) return 'content-length is not the length of the data';
      out.text('connection: upgrade\r\nupgrade: ');
      out.copy(list.bytes, list.valueStart(this.protocol), list.end(this.protocol));
      out.text('\r\n\r\n');
      return null;
    }
    if (isEnded) {
      if (this.contentLength > 0) return 'content-length is not the length of the data';
      // RFC 9110 section 8.6: where the method expects content, that there is none has to be said.
      if (this.contentLength < 0 && this.expectsContent(list)) out.text('content-length: 0\r\n');
    } else if (this.contentLength <= 0) out.text('transfer-encoding: chunked\r\n');
    out.text('\r\n');
    return null;
  }

  private expectsContent(list: FieldList): boolean {
    const start = list.valueStart(this.method);
    const end = list.end(this.method);
    const { bytes } = list;
    return isText(bytes, start, end, 'POST') || isText(bytes, start, end, 'PUT') || isText(bytes, start, end, 'PATCH');
  }
}

/** RFC 9113 section 8.2.3: a client may split its cookies over several fields; in HTTP/1.1 they are one. `first`: the first of them. */
function writeCookies(list: FieldList, first: number, out: HeadWriter): void {
  const { bytes } = list;
  out.text('cookie: ');
  const begin = out.length;
  for (let field = first; field < list.count; field++) {
    const valueStart = list.valueStart(field);
    const end = list.end(field);
    if (valueStart === end || kindOf(bytes, list.nameStart(field), valueStart) !== FieldKind.cookie) continue;
    if (out.length > begin) out.text('; ');
    out.copy(bytes, valueStart, end);
  }
  out.text('\r\n');
}

function lowerCase(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte | 0x20 : byte;
}
