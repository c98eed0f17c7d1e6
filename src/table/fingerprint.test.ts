import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fingerprints } from './fingerprint.ts';

const out = { hi: 0, lo: 0 };

function hex(fingerprints: Fingerprints, bytes: Uint8Array, start = 0, end = bytes.length): string {
  fingerprints.hash(bytes, start, end, out);
  return ((BigInt(out.hi) << 32n) | BigInt(out.lo)).toString(16).padStart(16, '0');
}

/** SipHash-2-4 as in the paper, on 64-bit integers. */
function reference(key: Buffer, bytes: Uint8Array): string {
  const mask = (1n << 64n) - 1n;
  const turn = (x: bigint, by: bigint) => ((x << by) | (x >> (64n - by))) & mask;
  const k0 = key.readBigUInt64LE(0);
  const k1 = key.readBigUInt64LE(8);
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = () => {
    v0 = (v0 + v1) & mask;
    v1 = turn(v1, 13n) ^ v0;
    v0 = turn(v0, 32n);
    v2 = (v2 + v3) & mask;
    v3 = turn(v3, 16n) ^ v2;
    v0 = (v0 + v3) & mask;
    v3 = turn(v3, 21n) ^ v0;
    v2 = (v2 + v1) & mask;
    v1 = turn(v1, 17n) ^ v2;
    v2 = turn(v2, 32n);
  };
  const padded = Buffer.alloc((Math.floor(bytes.length / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  for (let i = 0; i < padded.length; i += 8) {
    const m = padded.readBigUInt64LE(i);
    v3 ^= m;
    round();
    round();
    v0 ^= m;
  }
  v2 ^= 0xffn;
  for (let n = 0; n < 4; n++) round();
  return (v0 ^ v1 ^ v2 ^ v3).toString(16).padStart(16, '0');
}

const paperKey = Buffer.from(Array.from({ length: 16 }, (_, i) => i));

describe('SipHash-2-4', () => {
  test('the example of the paper, appendix A', () => {
    const message = Uint8Array.from({ length: 15 }, (_, i) => i);
    expect(hex(new Fingerprints(paperKey), message)).toBe('a129ca6149be45e5');
  });

  /** From the authors' vectors.h, which gives the bytes in little-endian order. */
  test.each([
    [0, '310e0edd47db6f72'],
    [1, 'fd67dc93c539f874'],
    [7, '37d1018bf50002ab'],
    [8, '6224939a79f5f593'],
    [63, '724506eb4c328a95'],
  ])("the authors' vector of length %i", (length, bytes) => {
    const message = Uint8Array.from({ length }, (_, i) => i);
    const littleEndian = Buffer.from(hex(new Fingerprints(paperKey), message), 'hex')
      .reverse()
      .toString('hex');
    expect(littleEndian).toBe(bytes);
  });

  test('agrees with 64-bit arithmetic for any key and message, wherever it stands', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(16), fc.uint8Array({ maxLength: 100 }), fc.nat(9), (key, message, offset) => {
        const buffer = Buffer.alloc(message.length + offset + 3, 0xa5);
        buffer.set(message, offset);
        const fingerprints = new Fingerprints(Buffer.from(key));
        expect(hex(fingerprints, buffer, offset, offset + message.length)).toBe(reference(Buffer.from(key), message));
      }),
    );
  });
});

test('another secret or another scope gives another fingerprint', () => {
  const id = Buffer.from('D7A2F0C1B9');
  const all = [
    Fingerprints.of(Buffer.alloc(32, 1), 'shop learn JSESSIONID'),
    Fingerprints.of(Buffer.alloc(32, 2), 'shop learn JSESSIONID'),
    Fingerprints.of(Buffer.alloc(32, 1), 'blog learn JSESSIONID'),
  ].map((one) => hex(one, id));
  expect(new Set(all).size).toBe(3);
});
