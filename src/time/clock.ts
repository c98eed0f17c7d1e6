/**
 * Time is handed in: the balancer, its tests and the simulator run the same code on different clocks.
 */
import { SteadyClock } from './steady.ts';

export interface Clock {
  /**
   * Milliseconds since the Unix epoch by which is decided how old something is: what tokens, tables and stores carry. It
   * follows the machine's clock and does not step with it (steady.ts).
   */
  now(): number;
  /** What the machine's clock says, for what leaves the process: it may step. */
  wall(): number;
  /** Milliseconds that never go back: what time-outs and durations use. */
  monotonic(): number;
}

/** The time in Unix seconds, as tokens, tables and stores carry it. */
export function unixSeconds(clock: Pick<Clock, 'now'>): number {
  return Math.floor(clock.now() / 1000);
}

/** For what happens seldom (health checks, slow start). Connections use the deadline wheel instead. */
export interface Timers {
  /** Calls `run` once after `delay` ms; the answer cancels it. A timer does not keep the process alive. */
  after(delay: number, run: () => void): () => void;
}

/** For a process of one thread; the threads of a balancer have one time together (`SteadyClock.lead` and `follow`). */
export const systemClock: Clock = new SteadyClock();

export const systemTimers: Timers = {
  after(delay, run) {
    const timer = setTimeout(run, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
