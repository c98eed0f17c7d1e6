/**
 * HMAC-SHA-256 (RFC 2104) as two one-shot hashes that answer in text: it is made for each request of a session that has changed,
 * and an Hmac object costs more than the hashing.
 */
import { hash } from 'node:crypto';

/** Of SHA-256. */
const blockBytes = 64;
const hashBytes = 32;

export class Mac {
  /** The secret's block, then what is to be hashed. */
  private inner: Buffer;
  private readonly outer = Buffer.alloc(blockBytes + hashBytes, 0x5c);

  constructor(secret: string) {
    const given = Buffer.from(secret);
    const key = given.length > blockBytes ? hash('sha256', given, 'buffer') : given;
    this.inner = Buffer.alloc(blockBytes + 1024, 0x36);
    for (const [i, byte] of key.entries()) {
      this.inner[i]! ^= byte;
      this.outer[i]! ^= byte;
    }
  }

  /** Hex digits of the sum over `bytes[start..end)`. */
  digits(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    const inner = this.reserve(length);
    inner.set(bytes.subarray(start, end), blockBytes);
    const { outer } = this;
    outer.write(hash('sha256', inner.subarray(0, blockBytes + length), 'binary'), blockBytes, 'latin1');
    return hash('sha256', outer, 'hex');
  }

  private reserve(length: number): Buffer {
    if (blockBytes + length > this.inner.length) {
      const larger = Buffer.alloc(blockBytes + length * 2);
      this.inner.copy(larger, 0, 0, blockBytes);
      this.inner = larger;
    }
    return this.inner;
  }
}
