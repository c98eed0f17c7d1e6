/**
 * The sweep: forgets expired sessions a few pages at a time, so that their server's count falls and their room is free
 * although nobody asks for them again. Readers see expiry by themselves; how often this runs changes no answer.
 */
import { header, recordsPerPage, recordWords } from './layout.ts';
import type { Records } from './records.ts';
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
    const page = pages.at((hand + n) % pages.count);
    if (page !== 0) forgotten += sweepPage(table.records, page, now);
  }
  return forgotten;
}

/** Tombstones whose time is over go too. Never waits: a page that is being written is left for the next time. */
function sweepPage(records: Records, page: number, now: number): number {
  const { pages } = records;
  if (!hasExpired(records, page, now) || !pages.tryLock(page)) return 0;
  let forgotten = 0;
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    const at = page + slot * recordWords;
    // Removing moves a later record here: look again.
    while (records.isExpired(at, now)) {
      records.forget(page, at, header.expired);
      forgotten++;
    }
  }
  pages.unlock(page);
  return forgotten;
}

/** Without the lock: a wrong answer costs a needless lock, or waits for the next sweep. */
function hasExpired(records: Records, page: number, now: number): boolean {
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    if (records.isExpired(page + slot * recordWords, now)) return true;
  }
  return false;
}
