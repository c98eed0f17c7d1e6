/**
 * The sweep: removes expired sessions a few pages at a time, so that the count of their server goes down and their room is free,
 * although no request comes for them. Readers check the expiry themselves, so how often this runs changes no result.
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

/**
 * Also removes tombstones whose time is over. Never waits: a page that another thread is writing is skipped until the next
 * sweep.
 */
function sweepPage(records: Records, page: number, now: number): number {
  const { pages } = records;
  if (!hasExpired(records, page, now) || !pages.tryLock(page)) return 0;
  let forgotten = 0;
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    const at = page + slot * recordWords;
    // Removing a record moves a later one here: check this place again.
    while (records.isExpired(at, now)) {
      records.forget(page, at, header.expired);
      forgotten++;
    }
  }
  pages.unlock(page);
  return forgotten;
}

/** Read without the lock: a wrong result costs one needless lock, or delays a removal until the next sweep. */
function hasExpired(records: Records, page: number, now: number): boolean {
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    if (records.isExpired(page + slot * recordWords, now)) return true;
  }
  return false;
}
