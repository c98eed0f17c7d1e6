/**
 * What goes when a page is full: who is forgotten depends on who comes. Names that only clients have ever said cost nothing to
 * invent and to say twice, so such a one displaces no session whose name was given by the app or by us, while there is another
 * in the page. One with a given name, of which an app gives any number too, displaces those first that never came back.
 *
 *      to go first                                                                        to stay longest
 *      comes a name that
 *      clients say    never back   back         in flight   │  given, never back   given, back   given, in flight
 *      was given      never back   given, never back   back   in flight   │   given, back   given, in flight
 *
 * Within each the one that was last seen longest ago. So a flood displaces mostly itself: of a page's sessions with a given name
 * a flood of invented ones forgets none while fewer than a pageful are there, and one when they fill it. (What is in flight stays
 * longest among its like: exchanges have limits of their own.)
 */
import {
  ending,
  given,
  header,
  inflightMask,
  proved,
  record,
  recordsPerPage,
  recordWords,
  tombstone,
  tombstonesPerPage,
} from './layout.ts';
import type { Records } from './records.ts';

/** By 4 (given) + 2 (in flight) + 1 (came back). */
const ranksForInvented = [0, 1, 2, 2, 3, 4, 5, 5];
const ranksForGiven = [0, 2, 3, 3, 1, 4, 5, 5];
/** One that has ended without the store's knowing: only the record says so. */
const rankOfEnding = 6;

/**
 * Makes room for one record in a full page, under its lock: the first that has expired, else the one of lowest rank. `forGiven`:
 * the name of the one that comes was given.
 */
export function makeRoom(records: Records, page: number, now: number, forGiven: boolean): void {
  const ranks = forGiven ? ranksForGiven : ranksForInvented;
  let victim = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let slot = 1; slot <= recordsPerPage; slot++) {
    const at = page + slot * recordWords;
    if (records.isExpired(at, now)) {
      records.forget(page, at, header.expired);
      return;
    }
    const rank = rankOf(records, at, ranks);
    if (rank >= least) continue;
    least = rank;
    victim = at;
  }
  records.forget(page, victim, header.evicted);
}

/** Above all times of lower ranks. */
function rankOf({ pages }: Records, at: number, ranks: readonly number[]): number {
  const state = pages.get(at, record.state);
  const kind =
    ((state & given) !== 0 ? 4 : 0) +
    ((pages.get(at, record.activity) & inflightMask) !== 0 ? 2 : 0) +
    ((state & proved) !== 0 ? 1 : 0);
  const rank = (state & ending) !== 0 ? rankOfEnding : ranks[kind]!;
  return rank * 2 ** 32 + pages.get(at, record.seen);
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
