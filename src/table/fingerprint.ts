/**
 * What the table stores of a session id: 64 bits of SipHash-2-4 (Aumasson and Bernstein, 2012) under a secret key. The id itself
 * is not stored. Without the key nobody can find two ids that share a record, and a stolen table or file reveals no id.
 * JavaScript has no 64-bit integers that are fast, so each of the four words of state is two 32-bit halves.
 */
import { createHmac } from 'node:crypto';
import type { Fingerprint } from './pages.ts';

export class Fingerprints {
  private readonly k0lo: number;
  private readonly k0hi: number;
  private readonly k1lo: number;
  private readonly k1hi: number;

  /** `key` is 16 bytes, in the byte order of the paper. */
  constructor(key: Buffer) {
    this.k0lo = key.readInt32LE(0);
    this.k0hi = key.readInt32LE(4);
    this.k1lo = key.readInt32LE(8);
    this.k1hi = key.readInt32LE(12);
  }

  /** For the ids of one `scope` (a pool and one of its affinities): the same id in another scope is another session. */
  static of(secret: Buffer, scope: string): Fingerprints {
    return new Fingerprints(createHmac('sha256', secret).update(`limpet table ${scope}`).digest());
  }

  /** Hashes `bytes[start..end)` into `out`, two unsigned halves. Allocates nothing. */
  hash(bytes: Uint8Array, start: number, end: number, out: Fingerprint): void {
    const { k0lo, k0hi, k1lo, k1hi } = this;
    let v0l = k0lo ^ 0x70736575;
    let v0h = k0hi ^ 0x736f6d65;
    let v1l = k1lo ^ 0x6e646f6d;
    let v1h = k1hi ^ 0x646f7261;
    let v2l = k0lo ^ 0x6e657261;
    let v2h = k0hi ^ 0x6c796765;
    let v3l = k1lo ^ 0x79746573;
    let v3h = k1hi ^ 0x74656462;
    const length = end - start;
    // Whole blocks of 8 bytes, then a block with the rest and the length, then the four final rounds.
    const whole = length >>> 3;
    for (let block = 0; block <= whole + 1; block++) {
      let ml = 0;
      let mh = 0;
      let rounds = 2;
      if (block < whole) {
        const i = start + block * 8;
        ml = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
        mh = bytes[i + 4]! | (bytes[i + 5]! << 8) | (bytes[i + 6]! << 16) | (bytes[i + 7]! << 24);
      } else if (block === whole) {
        mh = length << 24;
        for (let i = start + whole * 8, shift = 0; i < end; i++, shift += 8) {
          if (shift < 32) ml |= bytes[i]! << shift;
          else mh |= bytes[i]! << (shift - 32);
        }
      } else {
        v2l ^= 0xff;
        rounds = 4;
      }
      v3l ^= ml;
      v3h ^= mh;
      for (; rounds > 0; rounds--) {
        let l = (v0l + v1l) | 0;
        let h = (v0h + v1h + (l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
        v0l = h; // turned by 32
        v0h = l;
        let tl = (v1l << 13) | (v1h >>> 19);
        let th = (v1h << 13) | (v1l >>> 19);
        v1l = tl ^ l;
        v1h = th ^ h;
        l = (v2l + v3l) | 0;
        h = (v2h + v3h + (l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
        v2l = l;
        v2h = h;
        tl = (v3l << 16) | (v3h >>> 16);
        th = (v3h << 16) | (v3l >>> 16);
        v3l = tl ^ l;
        v3h = th ^ h;
        l = (v0l + v3l) | 0;
        h = (v0h + v3h + (l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
        v0l = l;
        v0h = h;
        tl = (v3l << 21) | (v3h >>> 11);
        th = (v3h << 21) | (v3l >>> 11);
        v3l = tl ^ l;
        v3h = th ^ h;
        l = (v2l + v1l) | 0;
        h = (v2h + v1h + (l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
        v2l = h; // turned by 32
        v2h = l;
        tl = (v1l << 17) | (v1h >>> 15);
        th = (v1h << 17) | (v1l >>> 15);
        v1l = tl ^ l;
        v1h = th ^ h;
      }
      v0l ^= ml;
      v0h ^= mh;
    }
    out.lo = (v0l ^ v1l ^ v2l ^ v3l) >>> 0;
    out.hi = (v0h ^ v1h ^ v2h ^ v3h) >>> 0;
  }
}
