/** I7 with servers that break HTTP: nobody gets what another client has brought about, but where SECURITY.md says so. */
import { describe, expect, test } from 'vitest';
import { runtimes } from '../support/runtimes.ts';
import { foreignIn, fuzzServers, isNamed } from './server-fuzz.ts';

/** `FUZZ_SEED` repeats a run, as far as it is the seed that decides: when bytes come is up to the machine. */
const seeds = process.env.FUZZ_SEED === undefined ? [1, chance()] : [Number(process.env.FUZZ_SEED)];

function chance(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

test('the judge sees what is another client’s', () => {
  expect(foreignIn('HTTP/1.1 200 OK\r\nX-Id: Q0010-0001\r\n\r\nQ0010-0001.Q0010-0', 10)).toBe(null);
  expect(foreignIn('HTTP/1.1 200 OK\r\nX-Id: Q0010-0001\r\n\r\nQ0010-0001.Q0011-0007.', 10)).toBe('Q0011-0007');
  expect([
    isNamed({ variant: 'alone', theme: 'length', late: 0 }),
    isNamed({ variant: 'pipelined', theme: 'ends', late: 0 }),
  ]).toEqual([false, false]);
});

describe.each(runtimes)('servers that break HTTP behind %s', (runtime) => {
  test.each(seeds)('FUZZ_SEED=%d', { timeout: 120_000 }, async (seed) => {
    const report = await fuzzServers(runtime, seed, 1);
    expect(report.complaints).toEqual([]);
    expect(report.crossings.filter((crossing) => !isNamed(crossing))).toEqual([]);
    // Else nothing has been shown.
    expect([report.answers > 300, report.faults > 100]).toEqual([true, true]);
    expect(report.counters.upstream_misframed).toBeGreaterThan(10);
  });
});
