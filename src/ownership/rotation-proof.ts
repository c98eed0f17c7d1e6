/**
 * Proofs that a session got another id through the store interface. The store interface returns the proof, and the response that gives
 * the client its new id has to show it. Without the proof a server could name the id of any live session, and give it to a client.
 *
 *      HMAC-SHA-256 over pool, server, old and new id, cut to 128 bits, base64url
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export class RotationProofs {
  private readonly keys: readonly Buffer[];

  /** `keys`: secrets of the balancer, at least one; the first makes proofs, and all verify them. */
  constructor(keys: readonly Buffer[], pool: string) {
    this.keys = keys.map((key) => createHmac('sha256', key).update(`limpet rotation ${pool}`).digest());
  }

  /** `server`: its id, one that stays the same when keys are replaced. */
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
