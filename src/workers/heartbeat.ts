/**
 * Finds a worker whose event loop hangs: the kernel goes on giving it its share of the connections. A worker that is idle, or
 * waits for a processor, does not hang.
 *
 *      worker:      each beat adds one to its counter in shared memory
 *      supervisor:  each check: has the counter changed?   no, for `workerTimeout` of checks that came in time ──> it hangs
 *
 * A check that comes late means that the supervisor did not run either (SIGSTOP, a suspended machine, far too much load). Then no
 * worker counts as silent, and the time of each begins again.
 */
import type { Clock, Timers } from '../time/clock.ts';

const beatMs = 250;
const checkMs = 500;
/** A check that comes after more than this (ms) is late. */
const lateMs = 2 * checkMs;

export function createHeartbeats(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * In the thread of worker number `worker`, from 0: beats as long as its event loop runs. `onBeat` gets the time (ms) by which the
 * beat came late, because the event loop was busy with something else.
 */
export function startHeartbeat(heartbeats: SharedArrayBuffer, worker: number, onBeat: (lateMs: number) => void): void {
  const beats = new Int32Array(heartbeats);
  startBeats((lateMs) => {
    Atomics.add(beats, worker, 1);
    onBeat(lateMs);
  });
}

/** In any thread: tells `onBeat` four times a second how late (ms) its event loop is. Returns what ends it. */
export function startBeats(onBeat: (lateMs: number) => void): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    onBeat(Math.max(0, now - last - beatMs));
    last = now;
  }, beatMs);
  timer.unref();
  return () => clearInterval(timer);
}

export interface HangDetectorDependencies {
  readonly heartbeats: SharedArrayBuffer;
  readonly clock: Clock;
  readonly timers: Timers;
  /** A worker hangs when it has been silent for this long (ms). 0: never. */
  readonly timeoutMs: () => number;
  /** Called once; then the worker is not watched until `watch` is called again. */
  readonly onHung: (worker: number) => void;
}

interface Watched {
  /** The counter at the last check. */
  beats: number;
  silentMs: number;
}

export class HangDetector {
  private readonly deps: HangDetectorDependencies;
  private readonly beats: Int32Array<SharedArrayBuffer>;
  private readonly watched = new Map<number, Watched>();
  private checkedAt = 0;
  private cancelCheck: (() => void) | null = null;

  constructor(deps: HangDetectorDependencies) {
    this.deps = deps;
    this.beats = new Int32Array(deps.heartbeats);
  }

  /** The worker listens: from now on it is expected to beat. */
  watch(worker: number): void {
    this.watched.set(worker, { beats: Atomics.load(this.beats, worker), silentMs: 0 });
    if (this.cancelCheck !== null) return;
    this.checkedAt = this.deps.clock.monotonic();
    this.scheduleCheck();
  }

  /** The worker has ended, or is about to. */
  unwatch(worker: number): void {
    this.watched.delete(worker);
  }

  /** How long (ms) each watched worker has been silent, by its number. A worker that beats is silent for 0. */
  get silent(): ReadonlyMap<number, number> {
    return new Map([...this.watched].map(([worker, { silentMs }]) => [worker, silentMs]));
  }

  stop(): void {
    this.cancelCheck?.();
    this.cancelCheck = null;
    this.watched.clear();
  }

  private scheduleCheck(): void {
    this.cancelCheck = this.deps.timers.after(checkMs, () => this.check());
  }

  private check(): void {
    const now = this.deps.clock.monotonic();
    const passedMs = now - this.checkedAt;
    this.checkedAt = now;
    const timeoutMs = this.deps.timeoutMs();
    this.scheduleCheck();
    for (const [worker, one] of this.watched) {
      const beats = Atomics.load(this.beats, worker);
      if (beats !== one.beats || passedMs > lateMs) {
        one.beats = beats;
        one.silentMs = 0;
        continue;
      }
      one.silentMs += passedMs;
      if (timeoutMs === 0 || one.silentMs < timeoutMs) continue;
      this.watched.delete(worker);
      this.deps.onHung(worker);
    }
  }
}
