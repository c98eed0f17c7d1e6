/** A flood of ids that come once, at a table that is full of sessions that came back. */
import { expect, test } from 'vitest';
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
