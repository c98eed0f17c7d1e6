/**
 * What RFC 9113 asks of every field of a message (section 8.2), whatever the message is. The values of single fields are checked where
 * they are used.
 */
import { type Fault, requestFaults as faults } from '../../errors.ts';
import { COLON, CR, isFieldByte, isToken, LF, SP, TAB } from '../bytes.ts';
import { fieldEnd } from '../scan.ts';
import type { HeadWriter } from '../writer.ts';
import type { FieldList } from './hpack/field-list.ts';

/** Why a message is malformed (RFC 9113 section 8.1.1): its stream ends with PROTOCOL_ERROR. For a person. */
export type MalformedFields =
  | 'a field name is not a token in lower case'
  | 'a field value holds CR, LF or NUL'
  | 'a field value begins or ends with white space'
  | 'a field belongs to connections of HTTP/1.1'
  | 'te is not trailers'
  | 'a pseudo-header field stands behind a field'
  | 'a pseudo-header field is not known here'
  | 'a pseudo-header field is given more than once'
  | 'a pseudo-header field is missing'
  | 'a pseudo-header field has a value that is not allowed'
  | 'host is not the authority'
  | 'content-length is not the length of the data'
  | 'an interim response ends the stream'
  | 'trailers do not end the stream';

/** A fault: the other side is told by a response. A text: the message is malformed. null: it is right. */
export type FieldsProblem = Fault | MalformedFields | null;

/** Fields with a meaning for the conversion. */
export const FieldKind = { other: 0, connection: 1, host: 2, cookie: 3, contentLength: 4, te: 5 } as const;

const blankProblem = 'a field value begins or ends with white space';
/** Up to this many bytes a loop beats a native call. */
const loopBytes = 48;

/** 1 for the bytes of a field name of HTTP/2: a token without upper case. */
const isNameByte = isToken.map((is, byte) => (byte >= 65 && byte <= 90 ? 0 : is));

export function isPseudoField(list: FieldList, field: number): boolean {
  const start = list.nameStart(field);
  return list.valueStart(field) > start && list.bytes[start] === COLON;
}

/**
 * Checks a field that is no pseudo-header field, and appends it as a line of HTTP/1.1 in the same pass. After a problem `out` is as
 * before. What the field is for (`kindOf`) is not checked here.
 */
export function writeFieldLine(list: FieldList, field: number, out: HeadWriter): FieldsProblem {
  const { bytes } = list;
  const start = list.nameStart(field);
  const valueStart = list.valueStart(field);
  const end = list.end(field);
  const line = out.reserve(end - start + 4);
  let p = out.length;
  let i = start;
  for (; i < valueStart; i++) {
    const byte = bytes[i]!;
    if (isNameByte[byte] === 0) break;
    line[p++] = byte;
  }
  if (i < valueStart || i === start) {
    return isPseudoField(list, field)
      ? 'a pseudo-header field stands behind a field'
      : 'a field name is not a token in lower case';
  }
  line[p++] = COLON;
  line[p++] = SP;
  if (end - valueStart > loopBytes) {
    i = fieldEnd(bytes, valueStart, end);
    bytes.copy(line, p, valueStart, i);
    p += i - valueStart;
  } else for (; i < end && isFieldByte[bytes[i]!] === 1; i++) line[p++] = bytes[i]!;
  if (i < end) return problemOfByte(bytes[i]!);
  if (end > valueStart && (isBlank(bytes[valueStart]!) || isBlank(bytes[end - 1]!))) return blankProblem;
  line[p++] = CR;
  line[p++] = LF;
  out.length = p;
  return null;
}

/** Of a pseudo-header field. */
export function problemOfValue(list: FieldList, field: number): FieldsProblem {
  const { bytes } = list;
  const start = list.valueStart(field);
  const end = list.end(field);
  if (start === end) return null;
  const p = fieldEnd(bytes, start, end);
  if (p < end) return problemOfByte(bytes[p]!);
  return isBlank(bytes[start]!) || isBlank(bytes[end - 1]!) ? blankProblem : null;
}

function problemOfByte(byte: number): FieldsProblem {
  return byte === CR || byte === LF || byte === 0 ? 'a field value holds CR, LF or NUL' : faults.badHeaderValue;
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB;
}

/** Of a name in lower case. The length decides first: most names are compared with none of these. */
export function kindOf(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 2:
      return isText(bytes, start, end, 'te') ? FieldKind.te : FieldKind.other;
    case 4:
      return isText(bytes, start, end, 'host') ? FieldKind.host : FieldKind.other;
    case 6:
      return isText(bytes, start, end, 'cookie') ? FieldKind.cookie : FieldKind.other;
    case 7:
      return isText(bytes, start, end, 'upgrade') ? FieldKind.connection : FieldKind.other;
    case 10:
      return isText(bytes, start, end, 'connection') || isText(bytes, start, end, 'keep-alive')
        ? FieldKind.connection
        : FieldKind.other;
    case 14:
      return isText(bytes, start, end, 'content-length') ? FieldKind.contentLength : FieldKind.other;
    case 16:
      return isText(bytes, start, end, 'proxy-connection') ? FieldKind.connection : FieldKind.other;
    case 17:
      return isText(bytes, start, end, 'transfer-encoding') ? FieldKind.connection : FieldKind.other;
    default:
      return FieldKind.other;
  }
}

export function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
