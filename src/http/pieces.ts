/**
 * Bytes that come in many small pieces cost no more than those that come at once: they are gathered in a buffer that doubles,
 * and a head is read anew only when it may be whole, or has grown enough.
 */
import { CR, LF } from './bytes.ts';

/** Bytes in use of each buffer that `append` has made. */
const used = new WeakMap<ArrayBufferLike, number>();
const smallest = 512;

/**
 * `kept` and behind it `piece`, as one. Each byte is copied twice at most, however many pieces there are, as long as what
 * comes back is what the next piece is appended to. What either of them holds is not changed.
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
  // Not of the pool of small buffers, which others write into.
  const grown = Buffer.allocUnsafeSlow(Math.max(smallest, 2 * length));
  kept.copy(grown);
  piece.copy(grown, kept.length);
  used.set(grown.buffer, length);
  return grown.subarray(0, length);
}

/** A head up to this size (bytes) is read anew with each line, so that what is wrong with it is told at once. */
const smallHead = 1024;

/**
 * True when a head that was not whole at its first `before` bytes is worth reading again, of which `read` were read last: a
 * line has ended, and it is small, or an empty line has come, or it is half as long again.
 */
export function isWorthReading(head: Buffer, before: number, read: number): boolean {
  let lineEnd = head.indexOf(LF, before);
  if (lineEnd < 0) return false;
  if (head.length <= smallHead || head.length >= read + (read >> 1)) return true;
  for (; lineEnd >= 0; lineEnd = head.indexOf(LF, lineEnd + 1))
    if (head[lineEnd - 1] === LF || (head[lineEnd - 1] === CR && head[lineEnd - 2] === LF)) return true;
  return false;
}
