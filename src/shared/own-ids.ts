/**
 * Session ids that another balancer has made are recognised: the last 16 bits of each id that this node makes follow from the others
 * and its own secret. So two balancers with the same token keys, and no `fleet`, notice each other. 112 bits stay random.
 */
import { createHmac } from 'node:crypto';

export class OwnIds {
  private readonly a: number;
  private readonly b: number;

  /** `secret`: of this node, and not of the others. */
  constructor(secret: Buffer) {
    const key = createHmac('sha256', secret).update('limpet own ids').digest();
    this.a = key.readInt32LE(0);
    this.b = key.readInt32LE(4) | 1;
  }

  /** Fills the four words of an id as `fill` does, and marks it. */
  marking(fill: (words: Uint32Array) => void): (words: Uint32Array) => void {
    return (words) => {
      fill(words);
      if (words.length === 4)
        words[3] = ((words[3]! & 0xffff_0000) | this.markOf(words[0]!, words[1]!, words[2]!)) >>> 0;
    };
  }

  /** False: another balancer has made it, or the id was not made for a new session. True of one in 65,536 of those as well. */
  isOwn(sid0: number, sid1: number, sid2: number, sid3: number): boolean {
    return (sid3 & 0xffff) === this.markOf(sid0, sid1, sid2);
  }

  private markOf(sid0: number, sid1: number, sid2: number): number {
    let sum = this.a;
    for (let i = 0; i < 3; i++) {
      sum = Math.imul(sum ^ (i === 0 ? sid0 : i === 1 ? sid1 : sid2), this.b);
      sum ^= sum >>> 15;
    }
    sum = Math.imul(sum, 0x2c1b3c6d);
    return (sum ^ (sum >>> 16)) & 0xffff;
  }
}
