/** A session whose place a person has fixed: it has no id and no epoch, so nothing of it is stored or moved. */
import type { Affinity, Session } from './affinity.ts';

/** Fills a cleared session. `owner` is the id of the server, `now` Unix seconds. */
export function fixTo(owner: number, affinity: Affinity, now: number, session: Session): void {
  session.affinity = affinity;
  session.recognised = true;
  session.kind = 'fixed';
  session.proof = 'valid';
  session.owner = owner;
  // All who are fixed to one server share a substitute when it is down.
  session.key = owner % 2 ** 32;
  session.born = now;
}
