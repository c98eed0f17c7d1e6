/**
 * Whether the safe requests of one loop turn to a server share a connection. Those behind a long or slow answer are sent
 * twice, and the server has answered some of them in vain: after that so many requests go alone, twice as many each time that
 * it happens again, and half of that for each answer with others behind it that came in time.
 */
import type { Upstream } from './upstream.ts';

const leastAlone = 16;
const mostAlone = 1024;

export class Sharing {
  /** The connection that gathers the requests of this loop turn. */
  gathering: Upstream | undefined = undefined;
  private alone = 0;
  private caution = 0;

  /** Asked for each request that might: false, it goes alone. */
  allows(): boolean {
    if (this.alone === 0) return true;
    this.alone--;
    return false;
  }

  /** An answer with others behind it came in time. */
  passed(): void {
    this.caution >>= 1;
  }

  /** Those behind are sent once more. */
  gaveWay(): void {
    this.caution = Math.min(Math.max(leastAlone, 2 * this.caution), mostAlone);
    this.alone = this.caution;
  }
}
