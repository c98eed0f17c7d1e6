/** What responses tell of the names of sessions: the affinities read, the table keeps, before the client hears of it. */
import { type Affinity, type ClientFacts, LearnedId } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import type { ResponseHead } from '../http/head.ts';
import { append } from '../http/pieces.ts';
import type { SessionView } from '../ownership/session.ts';
import type { Pool } from './pool.ts';

const learned = new LearnedId();

/** True when the response names a session that `affinity` will recognise. `now` is Unix seconds. */
export function learnFromHead(
  affinity: Affinity,
  pool: Pool,
  session: SessionView,
  server: Server,
  response: ResponseHead,
  client: ClientFacts,
  now: number,
): boolean {
  learned.clear();
  affinity.learn?.(session.recognition, response, client, now, learned);
  if (learned.state === 'nothing') return false;
  pool.owners.learn(learned, affinity, session, server, now);
  return learned.state === 'named';
}

/** The beginning of a body in which the app may name the session. One for each exchange; idle unless `begin` says so. */
export class BodyReader {
  private affinity: Affinity | null = null;
  private text: Buffer = noBytes;

  /** True when there is something to read. (A compressed body shows by its first bytes that it tells nothing.) */
  begin(affinity: Affinity | null, response: ResponseHead): boolean {
    this.affinity = response.status === 200 ? affinity : null;
    this.text = noBytes;
    return this.affinity !== null;
  }

  /** Reads a piece before it goes to the client. False: it has seen enough. */
  read(
    bytes: Buffer,
    start: number,
    end: number,
    pool: Pool,
    session: SessionView,
    server: Server,
    now: number,
  ): boolean {
    const { affinity } = this;
    if (affinity === null) return false;
    const piece = bytes.subarray(start, end);
    this.text = append(this.text, piece);
    learned.clear();
    if (affinity.learnBody?.(this.text, now, learned) === false) return true;
    if (learned.state === 'named') pool.owners.learn(learned, affinity, session, server, now);
    this.affinity = null;
    this.text = noBytes;
    return false;
  }
}

const noBytes = Buffer.alloc(0);
