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
import { Wheel } from '../time/wheel.ts';
import type { Upstream } from './upstream.ts';

/**
 * Milliseconds of rest: 100, longer than the 40 for which Linux holds back a small piece while it waits for an acknowledgement,
 * and a tick of the wheel, whose time may be as much behind.
 */
export const restTime = 100 + Wheel.tickMs;
/** As many may rest, where fewer idle connections are kept. */
const leastResting = 64;
/** A client is looked for among so many that have begun to rest last. */
const lastResting = 16;

export class IdleConnections {
  private readonly ready: Upstream[] = [];
  /** In the order in which they began. */
  private readonly resting: Upstream[] = [];
  private readonly max: number;
  private readonly maxResting: number;

  /** `max`: connections that are kept ready; 0: none are kept at all. */
  constructor(max: number) {
    this.max = max;
    this.maxResting = max === 0 ? 0 : Math.max(max, leastResting);
  }

  /**
   * For the client of this number; 0: it may be several. One that still rests (`Upstream.rests`) is not for others beside it.
   * Where as many rest as may, the first of them need not go on: more connections would be worse.
   */
  take(user: number): Upstream | undefined {
    const { resting } = this;
    const upstream = this.ready.pop();
    if (upstream !== undefined || resting.length === 0) return upstream;
    for (let i = resting.length - 1, left = lastResting; user !== 0 && i >= 0 && left > 0; i--, left--) {
      if (resting[i]!.user === user) return resting.splice(i, 1)[0];
    }
    return resting.length >= this.maxResting ? resting.shift() : undefined;
  }

  /** False when there are enough. */
  keep(upstream: Upstream): boolean {
    const list = upstream.rests ? this.resting : this.ready;
    if (list.length >= (upstream.rests ? this.maxResting : this.max)) return false;
    list.push(upstream);
    return true;
  }

  forget(upstream: Upstream): void {
    const list = upstream.rests ? this.resting : this.ready;
    const i = list.indexOf(upstream);
    if (i >= 0) list.splice(i, 1);
  }

  /** All of them, which are nobody's any more. */
  empty(): Upstream[] {
    return [...this.ready.splice(0), ...this.resting.splice(0)];
  }
}
