/** A clock and timers that a test moves by hand: nothing happens between two calls of `advance`. */
import type { Clock, Timers } from '../../src/time/clock.ts';

interface Waiting {
  readonly at: number;
  readonly run: () => void;
}

export class HandTime implements Clock, Timers {
  private time: number;
  private readonly waiting = new Set<Waiting>();

  constructor(time = 1_000_000) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  wall(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(delay: number, run: () => void): () => void {
    const one: Waiting = { at: this.time + delay, run };
    this.waiting.add(one);
    return () => this.waiting.delete(one);
  }

  /** Timers that are set and not cancelled. */
  get pending(): number {
    return this.waiting.size;
  }

  /** The process does not run for so long (ms): what is due meanwhile runs when it goes on, late. */
  stopFor(ms: number): void {
    this.time += ms;
    for (const one of [...this.waiting].filter(({ at }) => at <= this.time)) if (this.waiting.delete(one)) one.run();
  }

  /** Runs what is due in the next `ms`, each at its own moment, those set meanwhile too. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.waiting].filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.waiting.delete(due);
      this.time = due.at;
      due.run();
    }
    this.time = end;
  }
}
