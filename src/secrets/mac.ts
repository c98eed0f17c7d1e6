/**
 * HMAC-SHA-256 (RFC 2104), made of two calls of `hash`. It is needed for each request of a session that has changed, and an Hmac
 * object of node:crypto costs more than the hashing itself.
 */
import { hash } from 'node:crypto';

/** Sizes of SHA-256. */
const blockBytes = 64;
const hashBytes = 32;

export class Mac {
  /** The block of the secret, followed by the bytes to be hashed. */
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

  /** The MAC of `bytes[start..end)` as hex digits. */
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
