/** Marks every live session of the table as unsure: other balancers may have moved it, and this one was not told. */
import { setImmediate } from 'node:timers/promises';
import { record, recordsPerPage, recordWords, unsure } from './layout.ts';
import type { SessionTable } from './table.ts';

/** Pages marked in one turn of the event loop: about a millisecond. */
const slicePages = 64;

/** Resolves when all that were there at the call are marked. `now` is Unix seconds. */
export async function doubtAll({ pages, records }: SessionTable, now: number): Promise<void> {
  for (let n = 0; n < pages.count; n++) {
    if (n % slicePages === slicePages - 1) await setImmediate();
    const page = pages.at(n);
    if (page === 0) continue;
    pages.lock(page);
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      const at = page + slot * recordWords;
      if (records.lookup(at, now) === 'live') pages.set(at, record.state, pages.get(at, record.state) | unsure);
    }
    pages.unlock(page);
  }
}
