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
import type { ServerConnection } from './connection.ts';

/** Milliseconds of rest: longer than the 40 for which Linux holds back a small piece while it waits for an acknowledgement. */
export const restTime = 100;
/** As many may rest, where fewer idle connections are kept. */
const leastResting = 64;

export class IdleConnections {
  private readonly rested: ServerConnection[] = [];
  /** In the order in which they began, and by the client that they have served last. */
  private readonly resting = new Set<ServerConnection>();
  private readonly restingOf = new Map<number, ServerConnection>();
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
   * For the client of this number; 0: it may be several. One that still rests (`ServerConnection.rests`) is not for others beside it.
   * Where as many rest as may, the first of them need not go on: more connections would be worse.
   */
  take(user: number): ServerConnection | undefined {
    const { resting } = this;
    const upstream = this.rested.pop();
    if (upstream !== undefined || resting.size === 0) return upstream;
    const full = resting.size >= this.maxResting;
    const taken = this.restingOf.get(user) ?? (full ? resting.values().next().value : undefined);
    if (taken !== undefined) this.forget(taken);
    return taken;
  }

  /** False when there are enough. */
  keep(upstream: ServerConnection): boolean {
    const { rested, resting } = this;
    if (upstream.rests ? resting.size >= this.maxResting : rested.length >= this.max) return false;
    if (upstream.rests) {
      resting.add(upstream);
      if (upstream.user !== 0) this.restingOf.set(upstream.user, upstream);
    } else rested.push(upstream);
    return true;
  }

  forget(upstream: ServerConnection): void {
    if (this.resting.delete(upstream)) {
      if (this.restingOf.get(upstream.user) === upstream) this.restingOf.delete(upstream.user);
      return;
    }
    const i = this.rested.indexOf(upstream);
    if (i >= 0) this.rested.splice(i, 1);
  }

  /** All of them, which are nobody's any more. */
  empty(): ServerConnection[] {
    const all = [...this.rested.splice(0), ...this.resting];
    this.resting.clear();
    this.restingOf.clear();
    return all;
  }
}
