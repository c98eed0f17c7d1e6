/** Words and bytes find the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isFieldByte } from './bytes.ts';
import { fieldEnd, find } from './scan.ts';

/** Mostly what a value holds, now and then anything. */
const byte = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
  { weight: 4, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
  { weight: 2, arbitrary: fc.constantFrom(0x09, 0x3b) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xff }) },
);
const run = fc.record({
  bytes: fc.array(byte, { maxLength: 700 }),
  from: fc.nat(300),
  cut: fc.nat(20),
  /** Where the bytes begin in their memory: words need not be aligned. */
  before: fc.nat(9),
});

function placed(bytes: readonly number[], before: number): Buffer {
  const memory = Buffer.alloc(before + bytes.length + 3, 0x41);
  memory.set(bytes, before);
  return memory.subarray(before, before + bytes.length);
}

describe.each([
  ['fieldEnd', fieldEnd, (one: number) => isFieldByte[one] === 0],
  ['find', (b: Buffer, start: number, end: number) => find(b, start, end, 0x3b), (one: number) => one === 0x3b],
] as const)('%s', (_name, scan, stops) => {
  test('stops where a loop over the bytes does, with its first look at them and with the next', () => {
    fc.assert(
      fc.property(run, ({ bytes: values, from, cut, before }) => {
        const bytes = placed(values, before);
        const start = Math.min(from, bytes.length);
        const end = Math.max(start, bytes.length - cut);
        let expected = start;
        while (expected < end && !stops(bytes[expected]!)) expected++;
        expect(scan(bytes, start, end)).toBe(expected);
        expect(scan(bytes, start, end)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(Array.from({ length: 256 }, (_, value) => value))('byte %i at each place of a word', (value) => {
    for (let place = 300; place < 308; place++) {
      for (const around of [0x20, 0x41, 0x7e, 0x80, 0xff, 0x09]) {
        const bytes = Buffer.alloc(320, around);
        bytes[place] = value;
        expect(scan(bytes, 0, 320)).toBe(stops(value) ? place : 320);
      }
    }
  });
});
