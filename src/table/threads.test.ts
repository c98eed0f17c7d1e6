/** Several threads on one table: no torn record, one winner, epochs that only rise, counts exact at the end. */
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  base,
  epochs,
  type HammerReport,
  type HammerTask,
  idle,
  keyOf,
  lasting,
  mortals,
  racers,
  servers,
} from '../../test/support/table-hammer.ts';
import { Entry, SessionTable } from './table.ts';

const threads = 3;

async function hammer(table: SessionTable, kind: HammerTask['kind'], seed: number): Promise<HammerReport[]> {
  const ledger = new SharedArrayBuffer(4 * (1 + Math.max(racers, epochs)));
  const workers = Array.from({ length: threads }, (_, n) => {
    const task: HammerTask = { kind, buffer: table.buffer, ledger, threads, writer: n + 1, seed };
    return new Worker(new URL('../../test/support/table-hammer.ts', import.meta.url), { workerData: task });
  });
  const reports = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<HammerReport>((done, fail) => {
          worker.on('message', done);
          worker.on('error', fail);
        }),
    ),
  );
  for (const worker of workers) await worker.terminate();
  return reports;
}

function countOf(table: SessionTable, keys: number, now: (n: number) => number): number[] {
  const out = new Entry();
  const counts = new Array<number>(servers + 1).fill(0);
  for (let n = 0; n < keys; n++) if (table.find(keyOf(n), now(n), out) === 'live') counts[out.server]!++;
  return counts;
}

test('of threads that bind the same new sessions one wins, and all learn which', async () => {
  const table = SessionTable.create({ capacity: racers, lifetimes: [{ idle: 0, absolute: 0 }], servers });
  const reports = await hammer(table, 'race', 0);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  expect(reports.reduce((sum, { bound }) => sum + bound, 0)).toBe(racers);
  expect(table.counters).toMatchObject({ bound: racers, evicted: 0 });
  const counts = countOf(table, racers, () => base);
  for (let server = 1; server <= servers; server++) expect(table.count(server)).toBe(counts[server]);
});

describe('threads that bind, claim, end, sweep and read in one page', () => {
  test.each([1, 2, Date.now()])('seed %i', async (seed) => {
    const lifetimes = [
      { idle: 0, absolute: 0 },
      { idle, absolute: 0 },
    ];
    const table = SessionTable.create({ capacity: 80, lifetimes, servers, tombstoneTime: 0 });
    const out = new Entry();
    for (let n = 0; n < lasting; n++) {
      table.bind(keyOf(n), 1, base + n, out);
      // In flight: no eviction takes it, and so nothing may ever lose it.
      table.acquire(keyOf(n), base + n);
    }
    const reports = await hammer(table, 'churn', seed);
    expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
    expect(Math.min(...reports.map(({ steps }) => steps))).toBeGreaterThan(100);
    const { bound, claimed, ended, evicted, expired } = table.counters;
    expect(reports.reduce((sum, report) => sum + report.bound, lasting)).toBe(bound);
    // The test is one only if all of it happened.
    expect(Math.min(claimed, ended, evicted, expired)).toBeGreaterThan(0);
    expect(bound - ended - evicted - expired).toBe(table.size);
    const counts = countOf(table, lasting + mortals, (n) => base + (n < lasting ? n : n - lasting));
    for (let server = 1; server <= servers; server++) expect(table.count(server)).toBe(counts[server]);
  });
});
