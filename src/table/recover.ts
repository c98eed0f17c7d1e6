/**
 * Cleans up after a thread that was killed: unlocks the page that it may have been writing, and resets the numbers of exchanges in
 * flight, because its share of them is not known. (A number that is too low lets a session become idle, or move, a little
 * early. One that is too high would keep the session for ever.) The other words of a record do not depend on each other: a change
 * that was made in part leaves the old or the new state of the session, for an exchange that its client got no response to. Only
 * the number of a server's sessions may be one too high.
 */
import { inflightMask, record, recordsPerPage, recordWords } from './layout.ts';
import type { Pages } from './pages.ts';

/** Tries to lock a page; the later ones are a millisecond apart. */
const maxTries = 300;

/** `writer` is the dead thread's number. Call it before a new thread takes the number. */
export function recover(pages: Pages, writer: number): void {
  for (let n = 0; n < pages.count; n++) {
    const page = pages.at(n);
    if (page === 0) continue;
    pages.repair(page, writer);
    if (!hasInflight(pages, page) || !lock(pages, page)) continue;
    for (let slot = 1; slot <= recordsPerPage; slot++) {
      const at = page + slot * recordWords;
      pages.set(at, record.activity, pages.get(at, record.activity) & ~inflightMask);
    }
    pages.unlock(page);
  }
}

/** Does not try for ever: a page that another dead thread holds is repaired when that thread's number is recovered. */
function lock(pages: Pages, page: number): boolean {
  for (let tries = 0; tries < maxTries; tries++) {
    if (pages.tryLock(page)) return true;
    pages.pause(page, tries);
  }
  return false;
}

function hasInflight(pages: Pages, page: number): boolean {
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    if ((pages.get(page + slot * recordWords, record.activity) & inflightMask) !== 0) return true;
  }
  return false;
}
