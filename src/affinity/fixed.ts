/** A session whose place a person has fixed: it has no id and no epoch, so nothing of it is stored or moved. */
import type { Affinity, Recognition } from './affinity.ts';

/** Fills a cleared session. `owner` is the id of the server, `now` Unix seconds. */
export function fixTo(owner: number, affinity: Affinity, now: number, recognition: Recognition): void {
  recognition.affinity = affinity;
  recognition.recognised = true;
  recognition.kind = 'fixed';
  recognition.proof = 'valid';
  recognition.owner = owner;
  // All who are fixed to one server share a substitute when it is down.
  recognition.key = owner % 2 ** 32;
  recognition.born = now;
}
