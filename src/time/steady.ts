/**
 * The clock for decisions about age: the machine's clock, without its steps.
 *
 *      now = monotonic time + offset          offset: moved toward the machine's clock, by 100 ms a second at most
 *
 * So an hour stays about an hour when the machine's clock is set (by an operator, by NTP after a wrong boot, by a virtual machine
 * that was suspended). Such a step is reported and counted, and this clock approaches the new time slowly: meanwhile it runs up
 * to a tenth faster or slower. docs/design/2026-11-28-clock.md says why.
 *
 * One thread leads: it reads the machine's clock. The others follow what it writes into shared memory, and never read that clock:
 *
 *      Float64 0: the time by the leader's clock at which the machine was booted (Unix ms)
 */
import { uptimeReader } from './uptime.ts';
import { wallClock } from './wall.ts';

export interface ClockSources {
  /** The machine's clock, Unix ms. */
  wall(): number;
  /** The monotonic clock of this thread, ms. */
  monotonic(): number;
  /** Milliseconds since the machine was booted: the same on all threads, to some hundredths of a second. No step changes it. */
  uptime(): number;
}

/** Called when the machine's clock was set, with the difference in ms; negative: back. */
export type OnStep = (by: number) => void;

/** Milliseconds between two readings of the machine's clock. */
const readEveryMs = 1000;
/** Share of the time by which the offset may move: 100 ms a second. */
const rate = 0.1;
/** A difference of this much (ms, plus a share of the time between two readings, because clocks drift) is a step. */
const stepFrom = 1000;
const drift = 0.001;
/** Differences below this (ms) are within the precision of `uptime`. */
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
  /** Monotonic time of the last reading, and the machine's clock minus the monotonic time at that moment. */
  private readAt: number;
  private base: number;
  /** The last result of `now`: it must never go back, although the offset may. */
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
    this.readAt = sources.monotonic();
    this.base = sources.wall() - this.readAt;
    this.offset = follows ? this.leaderOffset(this.readAt) : this.base + isAhead;
    this.publish(this.readAt);
  }

  /** Memory by which the threads share the clock. */
  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /**
   * The clock of the thread that the others follow. `now` has to be called at least once a second. `isAhead`: how far this clock was
   * ahead of the machine's clock before the restart (ms).
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

  /** Whole milliseconds since the Unix epoch, never less than before. */
  now(): number {
    const monotonic = this.sources.monotonic();
    if (monotonic - this.readAt >= readEveryMs) this.read(monotonic);
    const now = Math.floor(monotonic + this.offset);
    if (now > this.last) this.last = now;
    return this.last;
  }

  /** How far this clock was ahead of the machine's clock at the last reading (ms); negative: behind. */
  get isAhead(): number {
    return this.offset - this.base;
  }

  wall(): number {
    return this.sources.wall();
  }

  monotonic(): number {
    return this.sources.monotonic();
  }

  private read(monotonic: number): void {
    const elapsed = monotonic - this.readAt;
    this.readAt = monotonic;
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

  /** The offset with which this thread's clock equals the leader's. */
  private leaderOffset(monotonic: number): number {
    return this.shared![0]! + this.sources.uptime() - monotonic;
  }

  private publish(monotonic: number): void {
    if (this.follows || this.shared === null) return;
    this.shared[0] = monotonic + this.offset - this.sources.uptime();
  }
}
