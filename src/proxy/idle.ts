/**
 * The connections to one server on which nothing is under way.
 *
 *      answered ──> ready: the last one used is the first to be used again
 *         └───────> resting, after an answer whose end nothing but the rules of HTTP tell ── so long without a byte ──> ready
 *
 * A server that sends a body where none may be (HEAD, 204, 304) sends bytes that the next request would get as its answer. They
 * come with the head or soon after it, so such a connection rests first; meanwhile only the client that it has served may have
 * it, who would get what it has brought about itself (I7).
 */
import type { Upstream } from './upstream.ts';

/** Milliseconds of rest: longer than the 40 ms for which a kernel may hold back a small piece (RFC 1122 section 4.2.3.2). */
export const restTime = 100;
/** As many may rest, where fewer idle connections are kept. */
const leastResting = 64;
/** A client is looked for among so many that have begun to rest last. */
const lastResting = 16;

export class IdleConnections {
  private readonly rested: Upstream[] = [];
  /** In the order in which they began. */
  private readonly resting: Upstream[] = [];
  private readonly max: number;
  private readonly maxResting: number;

  /** `max`: connections that are kept ready; 0: none are kept at all. */
  constructor(max: number) {
    this.max = max;
    this.maxResting = max === 0 ? 0 : Math.max(max, leastResting);
  }

  /** Connections that any client may have. */
  get ready(): number {
    return this.rested.length;
  }

  /**
   * For the client of this number; 0: it may be several. One that still rests (`Upstream.rests`) is not for others beside it.
   * Where as many rest as may, the first of them need not go on: more connections would be worse.
   */
  take(user: number): Upstream | undefined {
    const { resting } = this;
    const upstream = this.rested.pop();
    if (upstream !== undefined || resting.length === 0) return upstream;
    for (let i = resting.length - 1, left = lastResting; user !== 0 && i >= 0 && left > 0; i--, left--) {
      if (resting[i]!.user === user) return resting.splice(i, 1)[0];
    }
    return resting.length >= this.maxResting ? resting.shift() : undefined;
  }

  /** False when there are enough. */
  keep(upstream: Upstream): boolean {
    const list = upstream.rests ? this.resting : this.rested;
    if (list.length >= (upstream.rests ? this.maxResting : this.max)) return false;
    list.push(upstream);
    return true;
  }

  forget(upstream: Upstream): void {
    const list = upstream.rests ? this.resting : this.rested;
    const i = list.indexOf(upstream);
    if (i >= 0) list.splice(i, 1);
  }

  /** All of them, which are nobody's any more. */
  empty(): Upstream[] {
    return [...this.rested.splice(0), ...this.resting.splice(0)];
  }
}
