/** A captured request: completed so that it can be read, and the place where it is refused. */
import { UsageError } from '../errors.ts';
import { type HeadLimits, RequestHead } from '../http/head.ts';

export interface Capture {
  /** The head with its empty line, as a client would have sent it. */
  readonly head: Buffer;
  /** The changes that were made to it, for people. */
  readonly notes: readonly string[];
}

/** Counted from 1; `offset` from 0. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/**
 * Editors write LF and drop the empty line at the end: both are corrected. A file that has CR LF anywhere is not changed, because a
 * single LF in it may be the problem that the user is looking for. Throws UsageError when there are only empty lines, which the
 * balancer skips without a response.
 */
export function readCapture(raw: Buffer): Capture {
  const notes: string[] = [];
  let head = raw;
  if (raw.includes('\n') && !raw.includes('\r\n')) {
    head = Buffer.from(raw.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    notes.push('its lines end in LF: they are read as CR LF');
  }
  // Empty lines before the request line are not the one that ends the head.
  let begin = 0;
  while (head.indexOf('\r\n', begin) === begin) begin += 2;
  if (begin === head.length) {
    throw new UsageError(
      'the capture is empty: expected the head of a request, such as GET / HTTP/1.1 and its headers',
    );
  }
  const end = head.indexOf('\r\n\r\n', begin);
  if (end < 0) {
    const missing = head.subarray(-2).toString('latin1') === '\r\n' ? '\r\n' : '\r\n\r\n';
    notes.push('the empty line at its end was missing: it is added');
    return { head: Buffer.concat([head, Buffer.from(missing)]), notes };
  }
  const rest = head.length - end - 4;
  if (rest > 0) notes.push(`${rest} ${rest === 1 ? 'byte' : 'bytes'} after the head are not looked at`);
  return { head: Buffer.from(head.subarray(0, end + 4)), notes };
}

/**
 * The first byte at which the reader refuses, however the bytes arrive; null when it needs the whole head for that
 * (a missing Host, two framings).
 */
export function refusedAt(bytes: Buffer, limits: HeadLimits): Position | null {
  const head = new RequestHead(limits);
  const refuses = (length: number) => head.read(bytes, 0, length) < 0;
  // A refused head stays refused when more bytes come, so a binary search finds the shortest refused length.
  let low = 0;
  let high = bytes.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (refuses(middle)) high = middle;
    else low = middle;
  }
  if (high === bytes.length) return null;
  const offset = high - 1;
  const before = bytes.subarray(0, offset).toString('latin1');
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), offset };
}
