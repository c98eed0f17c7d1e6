/**
 * The clock by which is decided: the machine's clock, with its steps taken out.
 *
 *      now = monotonic time + offset          offset: moved toward the machine's clock, by 100 ms a second at most
 *
 * So an hour stays an hour, whatever becomes of the machine's clock: a step (an operator, NTP after a wrong boot, a virtual
 * machine that was asleep) is told and counted, and arrives little by little; all that is kept by time goes on meanwhile, up to a
 * tenth faster or slower. docs/design/2026-11-28-clock.md says why.
 *
 * One thread leads; the others follow what it has written into shared memory:
 *
 *      Float64 0: how far the leader's time is ahead of the machine's clock (ms)      Int32 2: looks that it has taken
 */
import { wallClock } from './wall.ts';

export interface ClockSources {
  /** The machine's clock, Unix ms. */
  wall(): number;
  /** Of this thread, ms. */
  monotonic(): number;
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
/** A follower that differs by more (ms) believes its leader only after as many looks of that. */
const nearby = 2000;
const doubtful = 3;

export const systemSources: ClockSources = { wall: wallClock(process.env), monotonic: () => performance.now() };

export class SteadyClock {
  private readonly sources: ClockSources;
  private readonly onStep: OnStep;
  private readonly ahead: Float64Array | null;
  private readonly looks: Int32Array | null;
  private readonly follows: boolean;
  private offset: number;
  /** Monotonic time of the last look, and the machine's clock less the monotonic time then. */
  private lookedAt: number;
  private base: number;
  /** A follower's first look that did not fit: the leader's number of looks then; -1: it fits. */
  private doubtSince = -1;

  constructor(
    sources: ClockSources = systemSources,
    onStep: OnStep = () => {},
    shared: SharedArrayBuffer | null = null,
    follows = false,
    isAhead = 0,
  ) {
    this.sources = sources;
    this.onStep = onStep;
    this.ahead = shared === null ? null : new Float64Array(shared, 0, 1);
    this.looks = shared === null ? null : new Int32Array(shared, 8, 1);
    this.follows = follows;
    this.lookedAt = sources.monotonic();
    this.base = sources.wall() - this.lookedAt;
    this.offset = this.base + (follows ? this.leaderIsAhead() : isAhead);
    this.publish();
  }

  /** Memory for the time that threads have together. */
  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(16);
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
    return Math.floor(monotonic + this.offset);
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
    const base = this.sources.wall() - monotonic;
    const step = base - this.base;
    this.lookedAt = monotonic;
    this.base = base;
    this.approach(base + this.leaderIsAhead(), elapsed);
    this.publish();
    if (Math.abs(step) >= stepFrom + elapsed * drift) this.onStep(Math.round(step));
  }

  /** A follower may move faster than its leader, or it would never reach it. */
  private approach(target: number, elapsed: number): void {
    const gap = target - this.offset;
    if (this.follows && Math.abs(gap) > nearby) {
      this.doubt(target);
      return;
    }
    this.doubtSince = -1;
    const most = elapsed * (this.follows ? 2 * rate : rate);
    this.offset += Math.max(-most, Math.min(most, gap));
  }

  /**
   * The machine's clock has stepped, and the leader has not looked since: what it wrote is of the time before, and does not
   * count. When it has looked again and again, this thread began with such a value, at the moment of a step.
   */
  private doubt(target: number): void {
    const looks = Atomics.load(this.looks!, 0);
    if (this.doubtSince < 0) this.doubtSince = looks;
    if (((looks - this.doubtSince) | 0) < doubtful) return;
    this.offset = target;
    this.doubtSince = -1;
  }

  private leaderIsAhead(): number {
    return this.follows ? this.ahead![0]! : 0;
  }

  private publish(): void {
    if (this.follows || this.ahead === null) return;
    this.ahead[0] = this.isAhead;
    Atomics.add(this.looks!, 0, 1);
  }
}
