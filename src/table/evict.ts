/**
 * Which record is evicted when a page is full; that depends on the new session. A name is "given" when the app or Limpet gave it
 * to the client. Other names come from clients only: they cost nothing to invent, and to repeat. So a session with such a name
 * evicts no session with a given name while there is another one in the page. An app can also give any number of names, so a new
 * session with a given name first evicts sessions that never came back.
 *
 *      the new name        evicted first                                                         evicted last
 *      from a client       never back   back         in flight   │  given, never back   given, back   given, in flight
 *      given               never back   given, never back   back   in flight   │   given, back   given, in flight
 *
 * Within each group the one that was seen longest ago is evicted. So a flood evicts mostly its own sessions: a flood of invented names
 * evicts no session with a given name while the page is not full of these, and one at a time when it is. (Sessions in flight stay
 * longest in their group: the number of exchanges has limits of its own.)
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

/** Ranks by 4 (given) + 2 (in flight) + 1 (came back); the lowest rank is evicted first. */
const ranksForInvented = [0, 1, 2, 2, 3, 4, 5, 5];
const ranksForGiven = [0, 2, 3, 3, 1, 4, 5, 5];
/** A session that has ended, which the store does not know yet: this record is the only one that says so. */
const rankOfEnding = 6;

/**
 * Removes one record of a full page, under its lock: the first that has expired, else the one of the lowest rank. `forGiven`: the name
 * of the new session was given.
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

/** Rank and time in one number: any time of a higher rank is above all times of lower ranks. */
function rankOf({ pages }: Records, at: number, ranks: readonly number[]): number {
  const state = pages.get(at, record.state);
  const kind =
    ((state & given) !== 0 ? 4 : 0) +
    ((pages.get(at, record.activity) & inflightMask) !== 0 ? 2 : 0) +
    ((state & proved) !== 0 ? 1 : 0);
  const rank = (state & ending) !== 0 ? rankOfEnding : ranks[kind]!;
  return rank * 2 ** 32 + pages.get(at, record.seen);
}

/** To be called under the lock when a page has one more tombstone. Beyond the bound the oldest is removed early. */
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
