/**
 * Time is handed in: the balancer, its tests and the simulator run the same code on different clocks.
 */

export interface Clock {
  /** Milliseconds since the Unix epoch: what tokens and logs carry; all nodes agree on it. */
  now(): number;
  /** Milliseconds that never go back: what time-outs and durations use. */
  monotonic(): number;
}

/** For what happens seldom (health checks, slow start). Connections use the deadline wheel instead. */
export interface Timers {
  /** Calls `run` once after `delay` ms; the answer cancels it. A timer does not keep the process alive. */
  after(delay: number, run: () => void): () => void;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

export const systemTimers: Timers = {
  after(delay, run) {
    const timer = setTimeout(run, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
