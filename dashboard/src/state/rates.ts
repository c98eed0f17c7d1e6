/** What counters that only go up say about the time between two polls. */
import type { Sample } from './history.ts';

export interface CounterReading {
  /** Milliseconds. */
  readonly time: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** By counter, what it is called in the history. */
const rates = {
  requests: ['requests'],
  ok: ['responses_2xx'],
  redirects: ['responses_3xx'],
  clientErrors: ['responses_4xx'],
  serverErrors: ['responses_5xx'],
  retries: ['retries'],
  begun: ['sessions_new', 'sessions_learned', 'sessions_adopted'],
  moved: ['sessions_moved'],
  rescued: ['rebinds'],
} as const;

/** Per second. A counter that went down (the balancer was started again) counts from 0. */
export function ratesBetween(before: CounterReading, now: CounterReading): Sample {
  const seconds = (now.time - before.time) / 1000;
  if (seconds <= 0) return {};
  const sample: Sample = {};
  for (const [name, counters] of Object.entries(rates) as [keyof typeof rates, readonly string[]][]) {
    let sum = 0;
    for (const counter of counters) {
      const value = now.counters[counter] ?? 0;
      const former = before.counters[counter] ?? 0;
      sum += value >= former ? value - former : value;
    }
    sample[name] = sum / seconds;
  }
  return sample;
}
