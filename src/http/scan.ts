/**
 * Searches long runs of bytes four at a time: cookies of some kilobytes would otherwise cost more than the rest of a head. Short runs
 * are read byte by byte, because a DataView of the bytes has to be made first.
 *
 * `(w - 0x01010101) & ~w & 0x80808080` is not 0 exactly when one byte of the word `w` is 0 (Mycroft's test). The other tests are made
 * from it.
 */
import { isFieldByte } from './bytes.ts';

/** Bytes of a run that are read one by one: that many cost as much as making the view, which also serves the next run. */
const shortRun = 128;
const shortRunInView = 8;

const ones = 0x01010101;
const tops = 0x80808080 | 0;

/** The first offset from `start` on whose byte may not stand in a header's value; `end` when there is none. */
export function fieldEnd(bytes: Buffer, start: number, end: number): number {
  let p = start;
  const near = Math.min(end, start + (bytes === viewed ? shortRunInView : shortRun));
  while (p < near && isFieldByte[bytes[p]!] === 1) p++;
  if (p < near || p === end) return p;
  const view = viewOf(bytes);
  for (; p + 4 <= end; p += 4) {
    const word = view.getInt32(p, true);
    const deletes = word ^ 0x7f7f7f7f;
    // A byte below 0x20, or 0x7f. (A tab is below 0x20, and may stand there.)
    const found = ((word - 0x20202020) & ~word) | ((deletes - ones) & ~deletes);
    if ((found & tops) !== 0 && !areFieldBytes(bytes, p)) break;
  }
  while (p < end && isFieldByte[bytes[p]!] === 1) p++;
  return p;
}

/** The offset of the first `byte` (below 0x80) from `start` on; `end` when there is none. */
export function find(bytes: Buffer, start: number, end: number, byte: number): number {
  let p = start;
  const near = Math.min(end, start + (bytes === viewed ? shortRunInView : shortRun));
  while (p < near && bytes[p] !== byte) p++;
  if (p < near || p === end) return p;
  const view = viewOf(bytes);
  const wanted = Math.imul(byte, ones);
  for (; p + 4 <= end; p += 4) {
    const word = view.getInt32(p, true) ^ wanted;
    if (((word - ones) & ~word & tops) !== 0) break;
  }
  while (p < end && bytes[p] !== byte) p++;
  return p;
}

function areFieldBytes(bytes: Buffer, p: number): boolean {
  return (
    (isFieldByte[bytes[p]!]! &
      isFieldByte[bytes[p + 1]!]! &
      isFieldByte[bytes[p + 2]!]! &
      isFieldByte[bytes[p + 3]!]!) ===
    1
  );
}

let viewed: Buffer = Buffer.alloc(0);
let view = new DataView(viewed.buffer, viewed.byteOffset, viewed.length);

/** One head is read at a time, and all its runs are in the same bytes. */
function viewOf(bytes: Buffer): DataView {
  if (bytes !== viewed) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  return view;
}
