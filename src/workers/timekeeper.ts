/** Leads the time that all threads have together: looks at the machine's clock once a second, and tells of its steps. */
import { UsageError } from '../errors.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { type ClockSources, SteadyClock, systemSources } from '../time/steady.ts';
import { readAhead, writeAhead } from './clock-file.ts';

export interface TimekeeperDependencies {
  readonly shared: SharedArrayBuffer;
  /** Keeps what the two clocks differ by. */
  readonly file: string;
  readonly timers: Timers;
  readonly counters: Counters;
  readonly log: { warn(message: string): void };
  /** Default: the machine's. */
  readonly sources?: ClockSources;
}

/** Milliseconds between two looks, and looks between two savings of what the clocks differ by. */
const lookEvery = 1000;
const saveEvery = 10;
/** By so much (ms) the difference has to have changed to be saved again. */
const saveFrom = 100;

export class Timekeeper {
  readonly clock: SteadyClock;
  private readonly deps: TimekeeperDependencies;
  private cancelTimer: () => void = () => {};
  private looks = 0;
  /** The difference (ms) that the file holds; NaN: none of this process. */
  private saved = Number.NaN;
  /** The last saving failed: said once. */
  private failing = false;

  /** Throws UsageError for a file that cannot be read, or that others could have written: it decides when sessions end. */
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
    this.cancelTimer = this.deps.timers.after(lookEvery, () => {
      this.clock.now();
      if (++this.looks % saveEvery === 0) this.save();
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
    // Both of this moment: the machine's clock may have stepped since the last look, and `isAhead` is of that one.
    const now = clock.now();
    const wall = clock.wall();
    if (Math.abs(now - wall - this.saved) < saveFrom) return;
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
