/**
 * Since when this balancer knows all moves and ends of sessions by other balancers: one word of memory that all threads share. A token
 * that was dated before may name an owner that the session has left since, and nobody here knows.
 */
export class MissedMoves {
  private readonly words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(4);
  }

  /** Nothing is missing since `seen`. Unix seconds, here and below. */
  covers(seen: number): boolean {
    const until = Atomics.load(this.words, 0);
    return until === 0 || seen > until;
  }

  /** Moves up to then may be missing. */
  miss(until: number): void {
    if (until > Atomics.load(this.words, 0)) Atomics.store(this.words, 0, until);
  }
}
