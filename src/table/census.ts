/** Counts the live sessions of each server, and those that have a copy. For the admin listener, not for requests. */
import { setImmediate } from 'node:timers/promises';
import { copied, record, recordsPerPage, recordWords, serverMask } from './layout.ts';
import type { SessionTable } from './table.ts';

export interface Count {
  live: number;
  copied: number;
}

/** Pages read in one turn of the event loop: about a millisecond. */
const slicePages = 64;

/** By server number. A session that changes meanwhile is counted as before or as after the change. `now` is Unix seconds. */
export async function census({ pages, records }: SessionTable, now: number): Promise<Map<number, Count>> {
  const counts = new Map<number, Count>();
  for (let n = 0; n < pages.count; n++) {
    if (n % slicePages === slicePages - 1) await setImmediate();
    const page = pages.at(n);
    if (page === 0) continue;
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      const at = page + slot * recordWords;
      const state = pages.get(at, record.state);
      const server = state & serverMask;
      if (server === 0 || records.lookup(at, now) !== 'live') continue;
      let count = counts.get(server);
      if (count === undefined) {
        count = { live: 0, copied: 0 };
        counts.set(server, count);
      }
      count.live++;
      if ((state & copied) !== 0) count.copied++;
    }
  }
  return counts;
}
