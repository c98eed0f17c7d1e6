/**
 * Environment variables by which tests act on a running balancer. They count only with `NODE_ENV=test`:
 *
 *      LIMPET_TEST_CRASH=<file>      a worker throws an exception when the file `<file>.<worker>` appears, and removes that file
 *      LIMPET_TEST_TOMBSTONE=<s>     the session table keeps an ended session dead for that many seconds instead of a minute
 *      LIMPET_TEST_STATS=off         no statistics of servers and pools, for the benchmark
 */
import { rmSync, unlinkSync } from 'node:fs';
import { type ExchangeStats, NoStats } from '../metrics/exchange-stats.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds between two checks for the file. */
const checkMs = 100;

/** `worker` counts from 0. Does nothing without `NODE_ENV=test`. */
export function crashOnFile(worker: number, { LIMPET_TEST_CRASH: file = '', NODE_ENV }: Environment): void {
  if (file === '' || NODE_ENV !== 'test') return;
  const own = `${file}.${worker}`;
  rmSync(own, { force: true });
  setInterval(() => {
    try {
      unlinkSync(own);
    } catch {
      return;
    }
    throw new Error('LIMPET_TEST_CRASH');
  }, checkMs).unref();
}

/** Seconds; undefined: the default. */
export function testTombstoneTime({ LIMPET_TEST_TOMBSTONE: text = '', NODE_ENV }: Environment): number | undefined {
  return text === '' || NODE_ENV !== 'test' ? undefined : Number(text);
}

/** These, or none. */
export function testStats(stats: ExchangeStats, { LIMPET_TEST_STATS: text, NODE_ENV }: Environment): ExchangeStats {
  return text === 'off' && NODE_ENV === 'test' ? new NoStats() : stats;
}
