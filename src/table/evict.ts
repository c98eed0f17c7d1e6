/**
 * What goes when a page is full. Ids that came once and never again go before any session that came back, so a flood
 * of invented ids displaces mostly itself: of a page's sessions that came back, the flood forgets none while fewer than
 * a pageful are there, and one when they fill it. (What is in flight stays longest: exchanges have limits of their own.)
 */
import { ending, header, proved, record, recordsPerPage, recordWords, tombstone, tombstonesPerPage } from './layout.ts';
import type { Records } from './records.ts';

/** Ranks above every time. */
const came = 2 ** 32;
const busy = 2 ** 33;
const kept = 2 ** 34;

/** Makes room for one record in a full page, under its lock: the first that has expired, else the one of lowest rank. */
export function makeRoom(records: Records, page: number, now: number): void {
  let victim = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    const at = page + slot * recordWords;
    if (records.isExpired(at, now)) {
      records.forget(page, at, header.expired);
      return;
    }
    const rank = rankOf(records, at);
    if (rank >= least) continue;
    least = rank;
    victim = at;
  }
  records.forget(page, victim, header.evicted);
}

/** Never came back, came back, in flight, ended without the store's knowing; within each when it was last seen. */
function rankOf({ pages }: Records, at: number): number {
  const state = pages.get(at, record.state);
  const inflight = pages.get(at, record.inflight) !== 0 ? busy : 0;
  const back = (state & proved) !== 0 ? came : 0;
  return Math.max((state & ending) !== 0 ? kept : 0, inflight, back) + pages.get(at, record.seen);
}

/** After one more in a page, under its lock: beyond the bound the oldest goes before its time. */
export function boundTombstones({ pages }: Records, page: number): void {
  let tombstones = 0;
  let oldest = 0;
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    const at = page + slot * recordWords;
    if ((pages.get(at, record.state) & (tombstone | ending)) !== tombstone) continue;
    tombstones++;
    if (oldest === 0 || pages.get(at, record.seen) < pages.get(oldest, record.seen)) oldest = at;
  }
  if (tombstones > tombstonesPerPage) pages.remove(page, oldest);
}
