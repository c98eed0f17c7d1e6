/**
 * Requests per second of each pool, over the last ten seconds. The workers count them anyway: once a second the sums are noted, two words for each
 * pool, whether somebody asks or not.
 */
import type { Clock, Timers } from '../time/clock.ts';

export interface RequestRatesDependencies {
  /** The slots of the pools of the config, by name. */
  readonly pools: () => ReadonlyMap<string, number>;
  /** Requests that the pool of this slot has completed, at all workers. */
  readonly requests: (slot: number) => number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
}

interface Sample {
  readonly at: number;
  readonly requests: number;
}

const pauseMs = 1000;
/** As many seconds as samples, and the one they are counted from. */
const mostSamples = 11;

export class RequestRates {
  private readonly deps: RequestRatesDependencies;
  /** Oldest first. */
  private samples = new Map<string, readonly Sample[]>();
  private cancelTimer: () => void = () => {};

  constructor(deps: RequestRatesDependencies) {
    this.deps = deps;
  }

  start(): void {
    this.note();
    this.cancelTimer = this.deps.timers.after(pauseMs, () => this.start());
  }

  stop(): void {
    this.cancelTimer();
  }

  /** 0 in the first second of a pool. */
  of(pool: string): number {
    const samples = this.samples.get(pool) ?? [];
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return Math.round(((last.requests - first.requests) * 10_000) / (last.at - first.at)) / 10;
  }

  private note(): void {
    const { pools, requests, clock } = this.deps;
    const at = clock.monotonic();
    const next = new Map<string, readonly Sample[]>();
    for (const [pool, slot] of pools()) {
      const sample = { at, requests: requests(slot) };
      const before = this.samples.get(pool) ?? [];
      // Fewer than before: the pool has another slot.
      const isSame = (before.at(-1)?.requests ?? 0) <= sample.requests;
      next.set(pool, isSame ? [...before.slice(1 - mostSamples), sample] : [sample]);
    }
    this.samples = next;
  }
}
