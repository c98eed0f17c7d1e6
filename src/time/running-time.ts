/**
 * The time in which a thread has run. When the machine gives it no processor (far too much load, SIGSTOP, a suspended machine), answers
 * wait unread, and deadlines that are set meanwhile are set by an old time. A server or a client that was in time would be blamed: so what
 * a stop took is nobody's time (I12).
 *
 *      monotonic time   0    100   200              1700  1800
 *      running time     0    100   200               300   400      the stop counts as one tick
 */
import type { Clock } from './clock.ts';

/** What comes later than this (ms) comes so late because this process did not run. */
export const lateMs = 500;

export class RunningTime {
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly tickMs: number;
  private last: number;
  /** Of all stops. */
  private stoppedMs = 0;

  /** `read` is called every `tickMs`. */
  constructor(clock: Pick<Clock, 'monotonic'>, tickMs: number) {
    this.clock = clock;
    this.tickMs = tickMs;
    this.last = clock.monotonic();
  }

  /** Milliseconds; monotonic time until the first stop. */
  read(): number {
    const now = this.clock.monotonic();
    const passed = now - this.last;
    this.last = now;
    if (passed > this.tickMs + lateMs) this.stoppedMs += passed - this.tickMs;
    return now - this.stoppedMs;
  }
}
