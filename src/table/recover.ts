/**
 * After a thread was killed: gives back the page that it may have been writing, and forgets what is in flight, its share
 * of which nobody knows. (Too low a count lets a session go idle or be moved a little early; too high a one would keep
 * it for ever.) All other words of a record stand alone: what was half changed is the old or the new state of the
 * session, of an exchange that its client never heard of. Only a server's count may be one too high.
 */
import { inflightMask, record, recordsPerPage, recordWords } from './layout.ts';
import type { Pages } from './pages.ts';

/** Tries for the lock of a page, the later ones a millisecond apart. */
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

/** Not for ever: a page that another dead thread holds is put in order after that one's number. */
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
