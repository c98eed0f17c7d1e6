import { expect, test } from 'vitest';
import { mix, pair, seedOf, unit } from './hash.ts';

test('mix is the finaliser of MurmurHash3', () => {
  // fmix32 of the reference implementation.
  expect([0, 1, 0xdeadbeef, 0xffffffff].map((value) => mix(value) >>> 0)).toEqual([
    0, 0x514e28b7, 0x0de5c6a9, 0x81f16f39,
  ]);
});

test('every bit of a 48-bit id moves about half of the seed', () => {
  for (const id of [1, 0xabcdef, 0xffff_ffff_ffff, 0x1234_5678_9abc]) {
    for (let bit = 0; bit < 48; bit++) {
      const flipped = Number(BigInt(id) ^ (1n << BigInt(bit)));
      const moved = (seedOf(id) ^ seedOf(flipped)) >>> 0;
      const ones = moved.toString(2).replaceAll('0', '').length;
      expect(ones).toBeGreaterThan(3);
      expect(ones).toBeLessThan(29);
    }
  }
});

test('signed and unsigned forms of a key are the same key', () => {
  expect(pair(5, mix(0x9000_0000))).toBe(pair(5, mix(0x9000_0000 | 0)));
});

test('unit never touches 0 or 1', () => {
  expect(unit(0)).toBeGreaterThan(0);
  expect(unit(-1)).toBeLessThan(1);
  expect(Math.log(unit(-1))).toBeLessThan(0);
});
