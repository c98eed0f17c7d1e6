/**
 * Every part gets its clock from outside, so that the balancer, its tests and the simulator run the same code on different clocks.
 */
import { SteadyClock } from './steady.ts';

export interface Clock {
  /**
   * Milliseconds since the Unix epoch, for every decision about age: this time stands in tokens, tables and stores. It follows the
   * machine's clock, but does not step when that clock is set (steady.ts).
   */
  now(): number;
  /** The machine's clock, for dates that leave the process. It may step. */
  wall(): number;
  /** Milliseconds that never go back, for time-outs and durations. */
  monotonic(): number;
}

/** The time in Unix seconds, as tokens, tables and stores carry it. */
export function unixSeconds(clock: Pick<Clock, 'now'>): number {
  return Math.floor(clock.now() / 1000);
}

/** For events that are rare (health checks, slow start). Connections use the wheel of deadlines instead (wheel.ts). */
export interface Timers {
  /** Calls `run` once after `delay` ms; the answer cancels it. A timer does not keep the process alive. */
  after(delay: number, run: () => void): () => void;
}

/** For a process with one thread. The threads of a balancer share a clock (`SteadyClock.lead` and `follow`). */
export const systemClock: Clock = new SteadyClock();

export const systemTimers: Timers = {
  after(delay, run) {
    const timer = setTimeout(run, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
