/** Reads session ids that the app gives in responses. Affinities find them, and the table has them before the client gets the response. */
import { type Affinity, type ClientFacts, LearnedId } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import { append } from '../http/pieces.ts';
import type { OwnerLookup } from '../ownership/owner-lookup.ts';
import type { OwnerQueries } from '../ownership/owner-queries.ts';
import type { SessionView } from '../ownership/session.ts';

/** Takes what was learned. */
export interface LearnedOwners {
  readonly owners: Pick<OwnerLookup, 'learn'>;
  /** Records it in the store, for other balancers. null: there are none. */
  readonly recorder: Pick<OwnerQueries, 'record' | 'end'> | null;
}

/** null: nothing was learned. named: the session has another name. ended: it is over. `recorded`: false when the store has failed. */
export type Learned = { readonly state: 'named' | 'ended'; readonly recorded: Promise<boolean> | null } | null;

/** Filled anew for each response. */
const learned = new LearnedId();

/** What the head of a response says of the names of sessions; `affinity` will recognise them in requests. `now` is Unix seconds. */
export function learnFromHead(
  affinity: Affinity,
  to: LearnedOwners,
  session: SessionView,
  server: Server,
  response: ResponseHead,
  client: ClientFacts,
  now: number,
): Learned {
  if (affinity.learn === undefined) return null;
  learned.clear();
  affinity.learn(session.recognition, response, client, now, learned);
  return learn(affinity, to, session, server, now);
}

function learn(affinity: Affinity, to: LearnedOwners, session: SessionView, server: Server, now: number): Learned {
  const { state } = learned;
  if (state === 'nothing') return null;
  const isNew = to.owners.learn(learned, affinity, session, server, now);
  const { recorder } = to;
  if (recorder === null || !isNew) return { state, recorded: null };
  const recorded = state === 'ended' ? recorder.end(session) : recorder.record(learned, affinity.lifetime ?? 0, server);
  return { state, recorded };
}

/** Looks for a session id in the beginning of a response's body. Each exchange has one; it reads only after `begin` returned true. */
export class SessionIdSniffer {
  /** What was found; null: nothing yet. */
  found: Learned = null;
  private affinity: Affinity | null = null;
  private text: Buffer = noBytes;

  /** True: the body has to be read. (The first bytes of a compressed body show that there is nothing to find.) */
  begin(affinity: Affinity | null, response: ResponseHead): boolean {
    this.affinity = response.status === 200 ? affinity : null;
    this.text = noBytes;
    this.found = null;
    return this.affinity !== null;
  }

  /** Reads a piece before it goes to the client. False: no more pieces are needed. */
  read(piece: Buffer, to: LearnedOwners, session: SessionView, server: Server, now: number): boolean {
    const { affinity } = this;
    if (affinity === null) return false;
    this.text = append(this.text, piece);
    learned.clear();
    if (affinity.learnBody?.(this.text, now, learned) === false) return true;
    if (learned.state === 'named') this.found = learn(affinity, to, session, server, now);
    this.affinity = null;
    this.text = noBytes;
    return false;
  }
}

const noBytes = Buffer.alloc(0);
