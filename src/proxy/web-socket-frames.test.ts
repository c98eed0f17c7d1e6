import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WebSocketFrames } from './web-socket-frames.ts';

function frame(length: number, isMasked: boolean): Buffer {
  const bit = isMasked ? 0x80 : 0;
  const size = length < 126 ? Buffer.from([length | bit]) : length < 65_536 ? Buffer.alloc(3) : Buffer.alloc(9);
  if (size.length === 3) {
    size[0] = 126 | bit;
    size.writeUInt16BE(length, 1);
  } else if (size.length === 9) {
    size[0] = 127 | bit;
    size.writeBigUInt64BE(BigInt(length), 1);
  }
  return Buffer.concat([Buffer.from([0x82]), size, Buffer.alloc(isMasked ? 4 : 0, 7), Buffer.alloc(length, 0x82)]);
}

test('is between two frames exactly at the end of each, however the bytes are cut', () => {
  const lengths = fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(125, 126, 65_535, 65_536, 70_000));
  fc.assert(
    fc.property(fc.array(fc.tuple(lengths, fc.boolean()), { maxLength: 4 }), fc.array(fc.nat(200)), (specs, cuts) => {
      const built = specs.map(([length, isMasked]) => frame(length, isMasked));
      const ends = new Set([0]);
      let total = 0;
      for (const one of built) ends.add((total += one.length));
      const all = Buffer.concat(built);
      const frames = new WebSocketFrames();
      let at = 0;
      for (const cut of [...cuts, ...ends].map((one, i) => (i < cuts.length ? one : Math.max(0, one - at)))) {
        const to = Math.min(all.length, at + cut);
        frames.follow(all.subarray(at, to));
        at = to;
        expect(frames.isBetween).toBe(ends.has(at));
      }
    }),
    { numRuns: 200 },
  );
});
