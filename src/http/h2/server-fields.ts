/**
 * Requests to servers that speak HTTP/2, and their responses: the written head of a request of HTTP/1.1 becomes a header block, and the
 * fields of a response become a head of HTTP/1.1, which `ResponseHead.read` reads. The opposite of request-fields.ts and
 * response-fields.ts.
 */
import { requestFaults as faults, serverFaults } from '../../errors.ts';
import { equalsIgnoreCase, LF, parseDecimal, SP, TAB } from '../bytes.ts';
import type { HeadWriter } from '../writer.ts';
import { FieldKind, type FieldsProblem, isPseudoField, isText, kindOf, writeFieldLine } from './field-checks.ts';
import { writeIndexed, writeLines, writePseudoField, writeValue } from './hpack/encoder.ts';
import type { FieldList } from './hpack/field-list.ts';
import { staticIndexOf, staticIndexOfField } from './hpack/static-table.ts';

/**
 * Appends the header block of a request. `bytes` from `start` to `end`: its whole head as a server of HTTP/1.1 would get it, in origin-form
 * and with one Host, which becomes `:authority`. Lines that belong to connections of HTTP/1.1 are left out. `acceptsTrailers`:
 * `te: trailers` is added, which gRPC demands.
 */
export function writeRequestBlock(
  bytes: Buffer,
  start: number,
  end: number,
  isSecure: boolean,
  acceptsTrailers: boolean,
  out: HeadWriter,
): void {
  const methodEnd = bytes.indexOf(SP, start);
  const targetStart = methodEnd + 1;
  const targetEnd = bytes.indexOf(SP, targetStart);
  const linesStart = bytes.indexOf(LF, targetEnd) + 1;
  // Without the empty line.
  const linesEnd = end - 2;
  const host = findHost(bytes, linesStart, linesEnd);
  const hostEnd = host < linesEnd ? bytes.indexOf(LF, host) + 1 : linesEnd;

  if (isText(bytes, start, methodEnd, 'GET')) writeIndexed(getMethod, out);
  else writeValue(methodName, bytes, start, methodEnd, out);
  writeIndexed(isSecure ? httpsScheme : httpScheme, out);
  if (host < linesEnd) writeAuthority(bytes, host, hostEnd, out);
  if (targetEnd - targetStart === 1 && bytes[targetStart] !== star) writeIndexed(rootPath, out);
  else writeValue(pathName, bytes, targetStart, targetEnd, out);
  writeLines(bytes, linesStart, host, out);
  writeLines(bytes, hostEnd, linesEnd, out);
  if (acceptsTrailers) writeLines(teTrailers, 0, teTrailers.length, out);
}

/**
 * Appends the header block of an extended CONNECT (RFC 8441 section 4) for the upgrade to which the head asks, as `writeRequestBlock` has
 * it. Sec-WebSocket-Key is left out: HTTP/2 has none.
 */
export function writeConnectBlock(bytes: Buffer, start: number, end: number, isSecure: boolean, out: HeadWriter): void {
  const targetStart = bytes.indexOf(SP, start) + 1;
  const targetEnd = bytes.indexOf(SP, targetStart);
  const linesStart = bytes.indexOf(LF, targetEnd) + 1;
  const linesEnd = end - 2;
  writeValue(methodName, connectMethod, 0, connectMethod.length, out);
  writeIndexed(isSecure ? httpsScheme : httpScheme, out);
  writeValue(pathName, bytes, targetStart, targetEnd, out);
  for (let line = linesStart; line < linesEnd; line = bytes.indexOf(LF, line) + 1) {
    const lineEnd = bytes.indexOf(LF, line) + 1;
    if (equalsIgnoreCase(bytes, line, line + hostName.length, hostName)) writeAuthority(bytes, line, lineEnd, out);
    else if (equalsIgnoreCase(bytes, line, line + upgradeName.length, upgradeName))
      writePseudoField(':protocol', bytes, line + upgradeName.length, lineEnd - 2, out);
  }
  for (let line = linesStart; line < linesEnd; line = bytes.indexOf(LF, line) + 1) {
    const lineEnd = bytes.indexOf(LF, line) + 1;
    const isLeftOut =
      equalsIgnoreCase(bytes, line, line + hostName.length, hostName) ||
      equalsIgnoreCase(bytes, line, line + keyName.length, keyName);
    if (!isLeftOut) writeLines(bytes, line, lineEnd, out);
  }
}

/** Where the line of Host begins; `end` when there is none. It is the first line as a rule. */
function findHost(bytes: Buffer, start: number, end: number): number {
  let line = start;
  while (line < end && !equalsIgnoreCase(bytes, line, line + hostName.length, hostName))
    line = bytes.indexOf(LF, line) + 1;
  return line;
}

function writeAuthority(bytes: Buffer, line: number, lineEnd: number, out: HeadWriter): void {
  let start = line + hostName.length;
  let end = lineEnd - 2;
  while (start < end && isBlank(bytes[start]!)) start++;
  while (end > start && isBlank(bytes[end - 1]!)) end--;
  writeValue(authorityName, bytes, start, end, out);
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB;
}

const star = 42;
const hostName = 'host:';
const upgradeName = 'upgrade:';
const keyName = 'sec-websocket-key:';
const connectMethod = Buffer.from('CONNECT');
const teTrailers = Buffer.from('te: trailers\r\n');
const getMethod = staticIndexOfField(':method', 'GET');
const httpScheme = staticIndexOfField(':scheme', 'http');
const httpsScheme = staticIndexOfField(':scheme', 'https');
const rootPath = staticIndexOfField(':path', '/');
const methodName = staticIndexOf(':method');
const pathName = staticIndexOf(':path');
const authorityName = staticIndexOf(':authority');

/** Of responses of servers. A problem is always the server's: the client gets `bad-response`, or that the head is too large. */
export class ResponseFields {
  /** 100 to 999, but not 101. */
  status = 0;
  /** Content-Length, to which the DATA frames have to add up, unless the response has no data by its status or method; -1: not given. */
  contentLength = -1;

  /**
   * Appends the head of a response to `out`. `isEnded`: it has no data. `isHead`: the request was HEAD. After a problem, what is in `out`
   * is no head.
   */
  write(list: FieldList, isEnded: boolean, isHead: boolean, out: HeadWriter): FieldsProblem {
    this.status = 0;
    this.contentLength = -1;
    if (list.overflow) return serverFaults.responseHeadTooLarge;
    const problem = this.writeStatusLine(list, out);
    if (problem !== null) return problem;
    for (let field = 1; field < list.count; field++) {
      const problem = this.writeField(list, field, out);
      if (problem !== null) return problem;
    }
    return this.writeFraming(isEnded, isHead, out);
  }

  /** RFC 9113 section 8.3.2: `:status`, once, and no other pseudo-header field. */
  private writeStatusLine(list: FieldList, out: HeadWriter): FieldsProblem {
    const { bytes } = list;
    if (list.count === 0 || !isPseudoField(list, 0)) return 'a pseudo-header field is missing';
    if (!isText(bytes, list.nameStart(0), list.valueStart(0), ':status'))
      return 'a pseudo-header field is not known here';
    const start = list.valueStart(0);
    const end = list.end(0);
    this.status = end - start === 3 ? parseDecimal(bytes, start, end) : -1;
    // RFC 9113 section 8.6: HTTP/2 has no 101.
    if (this.status < 100 || this.status === 101) return 'a pseudo-header field has a value that is not allowed';
    if (list.count > 1 && isPseudoField(list, 1)) {
      return isText(bytes, list.nameStart(1), list.valueStart(1), ':status')
        ? 'a pseudo-header field is given more than once'
        : 'a pseudo-header field is not known here';
    }
    out.text('HTTP/1.1 ');
    out.copy(bytes, start, end);
    out.text(' \r\n');
    return null;
  }

  private writeField(list: FieldList, field: number, out: HeadWriter): FieldsProblem {
    const problem = writeFieldLine(list, field, out);
    if (problem !== null) return problem;
    const kind = kindOf(list.bytes, list.nameStart(field), list.valueStart(field));
    if (kind === FieldKind.connection) return 'a field belongs to connections of HTTP/1.1';
    if (kind === FieldKind.contentLength) {
      if (this.contentLength >= 0) return faults.lengthRepeated;
      this.contentLength = parseDecimal(list.bytes, list.valueStart(field), list.end(field));
      if (this.contentLength < 0) return faults.badContentLength;
    }
    return null;
  }

  /** How HTTP/1.1 tells where the data end, and the empty line. */
  private writeFraming(isEnded: boolean, isHead: boolean, out: HeadWriter): FieldsProblem {
    const { status, contentLength } = this;
    if (status < 200) {
      // RFC 9113 section 8.1.
      if (isEnded) return 'an interim response ends the stream';
    } else if (status !== 204 && status !== 304 && !isHead) {
      if (isEnded && contentLength > 0) return 'content-length is not the length of the data';
      if (contentLength < 0) out.text(isEnded ? 'content-length: 0\r\n' : 'transfer-encoding: chunked\r\n');
    }
    out.text('\r\n');
    return null;
  }
}
