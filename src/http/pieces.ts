/**
 * Makes bytes that come in many small pieces cost no more than bytes that come at once: they are collected in a buffer that doubles,
 * and a head is read again only when it may be whole, or when it has grown enough.
 */
import { CR, LF } from './bytes.ts';

/** Bytes in use of each buffer that `append` has made. */
const used = new WeakMap<ArrayBufferLike, number>();
const smallest = 512;

/**
 * `kept` followed by `piece`, as one buffer. Each byte is copied twice at most, however many pieces there are, as long as the next
 * piece is appended to the result. The bytes of `kept` and `piece` are not changed.
 */
export function append(kept: Buffer, piece: Buffer): Buffer {
  const { buffer, byteOffset } = kept;
  const end = byteOffset + kept.length;
  const length = kept.length + piece.length;
  if (used.get(buffer) === end && byteOffset + length <= buffer.byteLength) {
    const whole = Buffer.from(buffer, byteOffset, length);
    piece.copy(whole, kept.length);
    used.set(buffer, byteOffset + length);
    return whole;
  }
  // Not from Node's pool of small buffers, into which others write.
  const grown = Buffer.allocUnsafeSlow(Math.max(smallest, 2 * length));
  kept.copy(grown);
  piece.copy(grown, kept.length);
  used.set(grown.buffer, length);
  return grown.subarray(0, length);
}

/** A head up to this size (bytes) is read again with each line, so that an error in it is reported at once. */
const smallHead = 1024;

/**
 * True when a head should be read again. Its first `before` bytes were known not to be whole, and `read` bytes were read last. So: a
 * line has ended and the head is small, or an empty line has come, or the head has become half as long again.
 */
export function isWorthReading(head: Buffer, before: number, read: number): boolean {
  let lineEnd = head.indexOf(LF, before);
  if (lineEnd < 0) return false;
  if (head.length <= smallHead || head.length >= read + (read >> 1)) return true;
  for (; lineEnd >= 0; lineEnd = head.indexOf(LF, lineEnd + 1))
    if (head[lineEnd - 1] === LF || (head[lineEnd - 1] === CR && head[lineEnd - 2] === LF)) return true;
  return false;
}
