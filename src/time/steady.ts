/**
 * The clock by which is decided: the machine's clock, with its steps taken out.
 *
 *      now = monotonic time + offset          offset: moved toward the machine's clock, by 100 ms a second at most
 *
 * So an hour stays an hour, whatever becomes of the machine's clock: a step (an operator, NTP after a wrong boot, a virtual
 * machine that was asleep) is told and counted, and arrives little by little; all that is kept by time goes on meanwhile, up to a
 * tenth faster or slower. docs/design/2026-11-28-clock.md says why.
 *
 * One thread leads and looks at the machine's clock; the others follow what it has written into shared memory, and never look:
 *
 *      Float64 0: the leader's time when the machine was started (Unix ms)
 */
import { uptimeReader } from './uptime.ts';
import { wallClock } from './wall.ts';

export interface ClockSources {
  /** The machine's clock, Unix ms. */
  wall(): number;
  /** Of this thread, ms. */
  monotonic(): number;
  /** How long the machine has run, ms: the same for all threads, but for some hundredths of a second; no step changes it. */
  uptime(): number;
}

/** Told of a step of the machine's clock, by so many ms; negative: back. */
export type OnStep = (by: number) => void;

/** Milliseconds between two looks at the machine's clock. */
const lookEvery = 1000;
/** Share of the time by which the offset may move: 100 ms a second. */
const rate = 0.1;
/** From here on (ms, and share of the time between two looks, for clocks that drift) it is a step. */
const stepFrom = 1000;
const drift = 0.001;
/** Differences (ms) that are no more than how coarse `uptime` is. */
const coarse = 30;

export const systemSources: ClockSources = {
  wall: wallClock(process.env),
  monotonic: () => performance.now(),
  uptime: uptimeReader(),
};

export class SteadyClock {
  private readonly sources: ClockSources;
  private readonly onStep: OnStep;
  private readonly shared: Float64Array | null;
  private readonly follows: boolean;
  private offset: number;
  /** Monotonic time of the last look, and the machine's clock less the monotonic time then. */
  private lookedAt: number;
  private base: number;
  /** The last answer: what moves the offset back must not be seen. */
  private last = 0;

  constructor(
    sources: ClockSources = systemSources,
    onStep: OnStep = () => {},
    shared: SharedArrayBuffer | null = null,
    follows = false,
    isAhead = 0,
  ) {
    this.sources = sources;
    this.onStep = onStep;
    this.shared = shared === null ? null : new Float64Array(shared, 0, 1);
    this.follows = follows;
    this.lookedAt = sources.monotonic();
    this.base = sources.wall() - this.lookedAt;
    this.offset = follows ? this.leaderOffset(this.lookedAt) : this.base + isAhead;
    this.publish(this.lookedAt);
  }

  /** Memory for the time that threads have together. */
  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /**
   * The clock of the thread that the others follow. It has to be looked at once a second. `isAhead`: of the machine's clock, as it
   * was in a former life of the process (ms).
   */
  static lead(
    shared: SharedArrayBuffer,
    onStep: OnStep,
    isAhead = 0,
    sources: ClockSources = systemSources,
  ): SteadyClock {
    return new SteadyClock(sources, onStep, shared, false, isAhead);
  }

  static follow(shared: SharedArrayBuffer, sources: ClockSources = systemSources): SteadyClock {
    return new SteadyClock(sources, () => {}, shared, true);
  }

  /** Unix ms, whole, and never less than before. */
  now(): number {
    const monotonic = this.sources.monotonic();
    if (monotonic - this.lookedAt >= lookEvery) this.look(monotonic);
    const now = Math.floor(monotonic + this.offset);
    if (now > this.last) this.last = now;
    return this.last;
  }

  /** How far this clock was ahead of the machine's at the last look (ms); negative: behind. */
  get isAhead(): number {
    return this.offset - this.base;
  }

  wall(): number {
    return this.sources.wall();
  }

  monotonic(): number {
    return this.sources.monotonic();
  }

  private look(monotonic: number): void {
    const elapsed = monotonic - this.lookedAt;
    this.lookedAt = monotonic;
    if (this.follows) {
      const target = this.leaderOffset(monotonic);
      // A follower may move faster than its leader, or it would never reach it.
      if (Math.abs(target - this.offset) > coarse) this.approach(target, 2 * elapsed * rate);
      return;
    }
    const base = this.sources.wall() - monotonic;
    const step = base - this.base;
    this.base = base;
    this.approach(base, elapsed * rate);
    this.publish(monotonic);
    if (Math.abs(step) >= stepFrom + elapsed * drift) this.onStep(Math.round(step));
  }

  private approach(target: number, most: number): void {
    this.offset += Math.max(-most, Math.min(most, target - this.offset));
  }

  /** The offset with which this thread has its leader's time. */
  private leaderOffset(monotonic: number): number {
    return this.shared![0]! + this.sources.uptime() - monotonic;
  }

  private publish(monotonic: number): void {
    if (this.follows || this.shared === null) return;
    this.shared[0] = monotonic + this.offset - this.sources.uptime();
  }
}
