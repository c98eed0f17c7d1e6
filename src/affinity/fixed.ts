/** A session whose server is fixed by the config or by a signed text. It has no id and no epoch, so it is neither stored nor moved. */
import type { Affinity, Recognition } from './affinity.ts';

/** Fills a cleared session. `owner` is the id of the server, `now` Unix seconds. */
export function fixTo(owner: number, affinity: Affinity, now: number, recognition: Recognition): void {
  recognition.affinity = affinity;
  recognition.recognised = true;
  recognition.kind = 'fixed';
  recognition.proof = 'valid';
  recognition.owner = owner;
  // When the server is down, all sessions that are fixed to it get the same substitute.
  recognition.key = owner % 2 ** 32;
  recognition.born = now;
}
