/** A flood of ids that come once, at a table that is full of sessions that came back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordsPerPage } from './layout.ts';
import { Entry, SessionTable } from './table.ts';

const out = new Entry();
const now = 1_800_000_000;
const flood = 100_000;

/** The finish of MurmurHash3: as uniform as fingerprints are. */
function mix(n: number): number {
  let x = n;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

const keyOf = (n: number) => ({ hi: mix(n + 1), lo: mix((n + 1) ^ 0x5bd1e995) });

/** Sessions that came back, each a second after the one before. */
function settled(capacity: number, sessions: number): SessionTable {
  const table = SessionTable.create({ capacity });
  for (let n = 0; n < sessions; n++) {
    table.bind(keyOf(n), 1, now + n, out);
    table.touch(keyOf(n), now + n);
  }
  return table;
}

const living = (table: SessionTable, sessions: number) =>
  Array.from({ length: sessions }, (_, n) => n).filter((n) => table.find(keyOf(n), now, out) === 'live');

test('10,000 sessions that came back outlive 100,000 ids that did not, in a table made for 10,000', () => {
  const table = settled(10_000, 10_000);
  expect(table.counters.evicted).toBe(0);
  for (let n = 0; n < flood; n++) table.bind(keyOf(100_000 + n), 2, now + 10_000 + n, out);
  expect(living(table, 10_000)).toHaveLength(10_000);
  expect(table.count(1)).toBe(10_000);
  expect(table.counters.evicted).toBe(flood - table.count(2));
});

test('where they fill a page, the flood costs it one: the one longest unseen', () => {
  const table = settled(10_000, 13_000);
  const before = living(table, 13_000);
  const pages = Map.groupBy(before, (n) => table.pages.pageOf(keyOf(n)));
  const full = [...pages.values()].filter((page) => page.length === recordsPerPage);
  // The test is one only if there are pages of both kinds.
  expect(full.length).toBeGreaterThan(5);
  expect(full.length).toBeLessThan(pages.size - 5);
  for (let n = 0; n < flood; n++) table.bind(keyOf(100_000 + n), 2, now + 20_000 + n, out);
  const lost = new Set(full.map((page) => Math.min(...page)));
  expect(living(table, 13_000)).toEqual(before.filter((n) => !lost.has(n)));
});

/** All keys live in the one page of this table. */
const page = () => SessionTable.create({ capacity: 80 });
const liveOf = (table: SessionTable, from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => from + n).filter((n) => table.find(keyOf(n), now, out) === 'live');

/** What comes to one page: a name that the app gives, or that a client invents, sent so many times more, in flight or not. */
const visit = fc.record({ given: fc.boolean(), times: fc.nat(5), inflight: fc.boolean() });

describe('who named it decides who goes', () => {
  test('a flood of invented ids, each sent any number of times, forgets none that the app gave', () => {
    const most = recordsPerPage - 1;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: most }),
        fc.array(visit, { minLength: 200, maxLength: 300 }),
        (app, flood) => {
          const table = page();
          // Some of them came back, most did not; and they are the ones longest unseen.
          for (let n = 0; n < app; n++) {
            table.bind(keyOf(n), 1, now, out, 0, 1, true);
            if (n % 3 === 0) table.touch(keyOf(n), now);
          }
          for (const [i, { times, inflight }] of flood.entries()) {
            const key = keyOf(1000 + i);
            table.bind(key, 2, now + i, out);
            for (let n = 0; n < times; n++) {
              if (inflight) table.enter(key, now + i, out);
              else table.touch(key, now + i);
            }
          }
          expect(liveOf(table, 0, app)).toHaveLength(app);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('where they fill the page, it costs one', () => {
    const table = page();
    for (let n = 0; n < recordsPerPage; n++) table.bind(keyOf(n), 1, now + n, out, 0, 1, true);
    for (let n = 0; n < 1000; n++) {
      table.bind(keyOf(1000 + n), 2, now + 1000 + n, out);
      table.touch(keyOf(1000 + n), now + 1000 + n);
    }
    expect(liveOf(table, 0, recordsPerPage)).toHaveLength(recordsPerPage - 1);
  });

  test('a flood of ids that the app gives, and that never come back, forgets nobody who came back, whoever named it', () => {
    const table = page();
    const settled = recordsPerPage - 1;
    for (let n = 0; n < settled; n++) {
      table.bind(keyOf(n), 1, now, out, 0, 1, n % 2 === 0);
      table.touch(keyOf(n), now);
    }
    for (let n = 0; n < 1000; n++) table.bind(keyOf(1000 + n), 2, now + n, out, 0, 1, true);
    expect(liveOf(table, 0, settled)).toHaveLength(settled);
  });

  test('a name that clients said first, and the app then gives, is the app’s', () => {
    const table = page();
    expect(table.bind(keyOf(1), 1, now, out)).toBe('bound');
    expect(table.bind(keyOf(1), 1, now, out, 0, 1, true)).toBe('held');
    expect(out.given).toBe(true);
    expect(table.bind(keyOf(1), 1, now, out)).toBe('held');
    expect(out.given).toBe(true);
    for (let n = 0; n < 1000; n++) {
      table.bind(keyOf(1000 + n), 2, now + n, out);
      table.touch(keyOf(1000 + n), now + n);
    }
    expect(table.find(keyOf(1), now, out)).toBe('live');
  });
});
