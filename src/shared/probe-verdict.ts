/**
 * Whether the balancer is live and ready, as the supervisor has judged it last: shared memory, so that a worker can answer a probe without
 * asking anybody.
 *
 *      0  bits: 1 live, 2 ready
 *      1  when it was judged (seconds of the clock that all threads share)
 */

const isLive = 1;
const isReady = 2;

/** Seconds after which a judgement is worth nothing: the supervisor itself hangs. */
const staleSeconds = 5;

export class ProbeVerdict {
  private readonly words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  /** Neither live nor ready, until somebody has judged. */
  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  judge(live: boolean, ready: boolean, seconds: number): void {
    Atomics.store(this.words, 1, seconds | 0);
    Atomics.store(this.words, 0, (live ? isLive : 0) | (ready ? isReady : 0));
  }

  live(seconds: number): boolean {
    return this.has(isLive, seconds);
  }

  ready(seconds: number): boolean {
    return this.has(isReady, seconds);
  }

  private has(bit: number, seconds: number): boolean {
    const age = ((seconds | 0) - Atomics.load(this.words, 1)) | 0;
    return age < staleSeconds && (Atomics.load(this.words, 0) & bit) !== 0;
  }
}
