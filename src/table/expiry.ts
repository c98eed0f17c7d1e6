/**
 * The sweep: forgets expired sessions a few pages at a time, so that their server's count falls and their room is free
 * although nobody asks for them again. Readers see expiry by themselves; how often this runs changes no answer.
 */
import { header, pageWords, recordsPerPage } from './layout.ts';
import type { SessionTable } from './table.ts';

/**
 * Looks at about `records` records, at most at all of them, from where the last step on any thread stopped, and answers
 * how many were forgotten. 10,000 records take less than a millisecond. `now` is Unix seconds.
 */
export function sweep(table: SessionTable, records: number, now: number): number {
  const { pages } = table;
  const steps = Math.min(pages.count, Math.ceil(records / recordsPerPage));
  const hand = Atomics.add(pages.words, header.hand, steps) >>> 0;
  let forgotten = 0;
  for (let n = 0; n < steps; n++) {
    forgotten += table.expirePage(pages.first + ((hand + n) % pages.count) * pageWords, now);
  }
  return forgotten;
}
