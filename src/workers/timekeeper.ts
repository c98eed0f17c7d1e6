/**
 * Leads the clock that all threads share (time/steady.ts): reads the machine's clock once a second, logs when it was set, and
 * saves the difference between the two.
 */
import { UsageError } from '../errors.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { type ClockSources, SteadyClock, systemSources } from '../time/steady.ts';
import { readAhead, writeAhead } from './clock-file.ts';

export interface TimekeeperDependencies {
  readonly shared: SharedArrayBuffer;
  /** Keeps the difference between the two clocks across restarts. */
  readonly file: string;
  readonly timers: Timers;
  readonly counters: Counters;
  readonly log: { warn(message: string): void };
  /** Default: the clocks of this machine. */
  readonly sources?: ClockSources;
}

/** Milliseconds between two readings, and readings between two saves of the difference. */
const readEveryMs = 1000;
const saveEveryReadings = 10;
/** The difference is saved again when it has changed by at least this much (ms). */
const minChangeMs = 100;

export class Timekeeper {
  readonly clock: SteadyClock;
  private readonly deps: TimekeeperDependencies;
  private cancelTimer: () => void = () => {};
  private readings = 0;
  /** The difference (ms) that this process has saved last; NaN: none yet. */
  private saved = Number.NaN;
  /** The last save failed: logged once. */
  private failing = false;

  /** Throws UsageError when the file cannot be read, or when other users could have written it: it decides when sessions end. */
  constructor(deps: TimekeeperDependencies) {
    const { shared, file, log, sources = systemSources } = deps;
    this.deps = deps;
    const ahead = readAhead(file, sources.wall());
    this.clock = SteadyClock.lead(shared, (by) => this.stepped(by), ahead, sources);
    if (ahead !== 0) log.warn(`the machine's clock was set before this start: ${this.difference}`);
  }

  start(): void {
    this.save();
    this.goOn();
  }

  private goOn(): void {
    this.cancelTimer = this.deps.timers.after(readEveryMs, () => {
      this.clock.now();
      if (++this.readings % saveEveryReadings === 0) this.save();
      this.goOn();
    });
  }

  stop(): void {
    this.cancelTimer();
    this.save();
  }

  private stepped(by: number): void {
    const { counters, log } = this.deps;
    counters.add(counter.clock_steps);
    const way = by < 0 ? 'back' : 'forward';
    log.warn(`the machine's clock was set ${way} by ${Math.abs(by / 1000).toFixed(1)} s: ${this.difference}`);
    this.save();
  }

  private get difference(): string {
    const seconds = this.clock.isAhead / 1000;
    const how = `${Math.abs(seconds).toFixed(1)} s ${seconds < 0 ? 'behind' : 'ahead of'} it`;
    return `sessions are timed by a clock that is ${how}, and approaches it by 0.1 s a second`;
  }

  private save(): void {
    const { file, log } = this.deps;
    const { clock } = this;
    // Both clocks are read now. `isAhead` is of the last reading, and the machine's clock may have been set since then.
    const now = clock.now();
    const wall = clock.wall();
    if (Math.abs(now - wall - this.saved) < minChangeMs) return;
    try {
      writeAhead(file, now - wall, wall);
      this.saved = now - wall;
      this.failing = false;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      if (!this.failing) log.warn(error.message);
      this.failing = true;
    }
  }
}
