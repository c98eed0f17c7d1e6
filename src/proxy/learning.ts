/** Reads session ids that the app gives in responses. Affinities find them, and the table has them before the client gets the response. */
import { type Affinity, type ClientFacts, LearnedId } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import { append } from '../http/pieces.ts';
import type { OwnerLookup } from '../ownership/owner-lookup.ts';
import type { SessionView } from '../ownership/session.ts';

/** Records what was learned. */
type LearnedOwners = Pick<OwnerLookup, 'learn'>;

/** Filled anew for each response. */
const learned = new LearnedId();

/** True: the response gives the session an id that `affinity` will recognise in requests. `now` is Unix seconds. */
export function learnFromHead(
  affinity: Affinity,
  owners: LearnedOwners,
  session: SessionView,
  server: Server,
  response: ResponseHead,
  client: ClientFacts,
  now: number,
): boolean {
  if (affinity.learn === undefined) return false;
  learned.clear();
  affinity.learn(session.recognition, response, client, now, learned);
  if (learned.state === 'nothing') return false;
  owners.learn(learned, affinity, session, server, now);
  return learned.state === 'named';
}

/** Looks for a session id in the beginning of a response's body. Each exchange has one; it reads only after `begin` returned true. */
export class SessionIdSniffer {
  private affinity: Affinity | null = null;
  private text: Buffer = noBytes;

  /** True: the body has to be read. (The first bytes of a compressed body show that there is nothing to find.) */
  begin(affinity: Affinity | null, response: ResponseHead): boolean {
    this.affinity = response.status === 200 ? affinity : null;
    this.text = noBytes;
    return this.affinity !== null;
  }

  /** Reads a piece before it goes to the client. False: no more pieces are needed. */
  read(piece: Buffer, owners: LearnedOwners, session: SessionView, server: Server, now: number): boolean {
    const { affinity } = this;
    if (affinity === null) return false;
    this.text = append(this.text, piece);
    learned.clear();
    if (affinity.learnBody?.(this.text, now, learned) === false) return true;
    if (learned.state === 'named') owners.learn(learned, affinity, session, server, now);
    this.affinity = null;
    this.text = noBytes;
    return false;
  }
}

const noBytes = Buffer.alloc(0);
