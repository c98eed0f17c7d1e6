/** Reads the sessions of one page of the table after the other, for lists: no call reads more than its share of the table. */
import { pageWords, record, recordsPerPage, recordWords, serverMask } from './layout.ts';
import type { Fingerprint } from './pages.ts';
import { Entry } from './records.ts';
import type { SessionTable } from './table.ts';

/**
 * Calls `found` with each live session of page number `page`, from 0; its arguments are used again for the next one. False: there is
 * no such page. A session that changes meanwhile is there as before or as after the change. `now` is Unix seconds.
 */
export function readPage(
  table: SessionTable,
  page: number,
  now: number,
  found: (key: Fingerprint, entry: Entry) => void,
): boolean {
  const { pages } = table;
  if (page >= pages.count) return false;
  const first = pages.at(page);
  if (first === 0) return true;
  const keys: Fingerprint[] = [];
  for (let at = first + recordWords; at < first + pageWords && keys.length < recordsPerPage; at += recordWords) {
    if ((pages.load(at, record.state) & serverMask) === 0) continue;
    keys.push({ hi: pages.load(at, record.hi), lo: pages.load(at, record.lo) });
  }
  const entry = new Entry();
  // `find` gives one state of each at one moment.
  for (const key of keys) if (table.find(key, now, entry) === 'live') found(key, entry);
  return true;
}
