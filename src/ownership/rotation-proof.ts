/**
 * Proofs that a session went on under another id through the store interface. The answer of that has one, and the response that
 * gives the client its new id shows it: without it a server could name the id of any session that is live, and its client would
 * have that one.
 *
 *      HMAC-SHA-256 over pool, server, old and new id, cut to 128 bits, base64url
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export class RotationProofs {
  private readonly keys: readonly Buffer[];

  /** `keys`: of the balancer alone, at least one; the first proves, all verify. */
  constructor(keys: readonly Buffer[], pool: string) {
    this.keys = keys.map((key) => createHmac('sha256', key).update(`limpet rotation ${pool}`).digest());
  }

  /** `server`: its id, the same for all who have the keys. */
  prove(server: number, from: string, to: string): string {
    return proofOf(this.keys[0]!, server, from, to).toString('base64url');
  }

  verify(proof: string, server: number, from: string, to: string): boolean {
    const given = Buffer.from(proof, 'base64url');
    return this.keys.some((key) => {
      const right = proofOf(key, server, from, to);
      return given.length === right.length && timingSafeEqual(given, right);
    });
  }
}

function proofOf(key: Buffer, server: number, from: string, to: string): Buffer {
  return createHmac('sha256', key).update(`${server} ${from} ${to}`).digest().subarray(0, 16);
}
