/** Frames of HTTP/2 as tests want them: also wrong ones, so not made by the writers under test. */
import fc from 'fast-check';

/** A frame with any header and any payload; `length` may be told wrongly. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string | readonly number[] = '',
  length?: number,
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : Buffer.from(payload);
  const header = Buffer.alloc(9);
  header.writeUIntBE(length ?? body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId >>> 0, 5);
  return Buffer.concat([header, body]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([id >> 8, id & 0xff]), uint32(value)]);
}

/** The bytes in pieces, cut at the places given (modulo their number). */
export function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

export const cutList = fc.array(fc.nat(1_000_000), { maxLength: 20 });

/** Any frame: mostly of a known type and a small stream, often with the length that its type has. */
export const anyFrame = fc
  .record({
    type: fc.oneof({ weight: 12, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.nat(255) }),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 9, 0x20, 0x25), fc.nat(255)),
    streamId: fc.oneof(fc.nat(7), fc.nat(0xffff_ffff)),
    payload: fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      fc.uint8Array({ maxLength: 40 }),
    ),
  })
  .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));
