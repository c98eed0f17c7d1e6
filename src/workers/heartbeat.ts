/**
 * Tells a worker whose event loop has stopped turning, for which the kernel goes on queueing its share of the connections, from
 * one that is idle or waits for the processor.
 *
 *      worker:      each beat, one more in its word of shared memory
 *      supervisor:  each look, has the word changed?   no, for `workerTimeout` of looks that came in time ──> it hangs
 *
 * A look that comes late says that the supervisor did not run either (SIGSTOP, a suspended machine, far too much load): nobody
 * is silent by that, and all of them begin anew.
 */
import type { Clock, Timers } from '../time/clock.ts';

/** Milliseconds. */
const beatTime = 250;
const lookTime = 500;
/** A look that comes after more than this is late. */
const lateTime = 2 * lookTime;

/** Memory for so many workers. */
export function createBeats(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT);
}

/** In the worker's thread, number `worker` from 0: beats as long as its loop turns. */
export function beat(beats: SharedArrayBuffer, worker: number): void {
  const words = new Int32Array(beats);
  setInterval(() => Atomics.add(words, worker, 1), beatTime).unref();
}

export interface HangDetectorDependencies {
  readonly beats: SharedArrayBuffer;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Milliseconds for which a worker may be silent; 0: for ever. */
  readonly timeout: () => number;
  /** Called once, and nothing more is expected of the worker until `begin`. */
  readonly onHung: (worker: number) => void;
}

interface Watched {
  /** The word at the last look. */
  beats: number;
  /** Milliseconds since it changed. */
  silent: number;
}

export class HangDetector {
  private readonly deps: HangDetectorDependencies;
  private readonly words: Int32Array<SharedArrayBuffer>;
  private readonly watched = new Map<number, Watched>();
  private lookedAt = 0;
  private cancelLook: (() => void) | null = null;

  constructor(deps: HangDetectorDependencies) {
    this.deps = deps;
    this.words = new Int32Array(deps.beats);
  }

  /** The worker listens: from now on it is expected to beat. */
  begin(worker: number): void {
    this.watched.set(worker, { beats: Atomics.load(this.words, worker), silent: 0 });
    if (this.cancelLook !== null) return;
    this.lookedAt = this.deps.clock.monotonic();
    this.lookLater();
  }

  /** It has ended, or is about to. */
  end(worker: number): void {
    this.watched.delete(worker);
  }

  stop(): void {
    this.cancelLook?.();
    this.cancelLook = null;
    this.watched.clear();
  }

  private lookLater(): void {
    this.cancelLook = this.deps.timers.after(lookTime, () => this.look());
  }

  private look(): void {
    const now = this.deps.clock.monotonic();
    const passed = now - this.lookedAt;
    this.lookedAt = now;
    const timeout = this.deps.timeout();
    this.lookLater();
    for (const [worker, one] of this.watched) {
      const beats = Atomics.load(this.words, worker);
      if (beats !== one.beats || passed > lateTime) {
        one.beats = beats;
        one.silent = 0;
        continue;
      }
      one.silent += passed;
      if (timeout === 0 || one.silent < timeout) continue;
      this.watched.delete(worker);
      this.deps.onHung(worker);
    }
  }
}
