/**
 * What balancers say of sessions, as far as it is believed. A balancer says the same of a session that does not change for up
 * to a minute, word for word: such a line is compared with the last one, and neither verified nor read again.
 */

import type { Incoming } from '../exchange.ts';
import { type Secrets, signatureDigits, timeOf } from './balancer-secrets.ts';
import { readWord, requestHeader, type Word } from './protocol.ts';

/** Sessions whose last line is kept. */
const most = 8192;

/** A line that was believed. */
interface Believed {
  /** But for the digits of its signature. */
  readonly signed: string;
  readonly signature: string;
  /** Unix seconds at which it was signed. */
  readonly time: number;
  /** Of the secrets by which it was. */
  readonly generation: number;
  readonly word: Word;
}

export class Words {
  private readonly secrets: Secrets;
  /** By session id. */
  private readonly believed = new Map<string, Believed>();

  constructor(secrets: Secrets) {
    this.secrets = secrets;
  }

  /** What the balancer says with this request; else a sentence that says why nothing is believed. `now`: Unix ms. */
  read(incoming: Incoming, now: number): Word | string {
    const line = incoming.header(requestHeader);
    if (line === undefined) return 'found no Limpet-Session header';
    const { secrets, believed } = this;
    const id = line.slice('id='.length, 'id='.length + 32);
    const before = believed.get(id);
    const end = line.length - signatureDigits;
    if (
      before?.generation === secrets.generation &&
      secrets.isRecent(before.time, now) &&
      line.slice(0, end) === before.signed &&
      isSame(line, end, before.signature)
    ) {
      return before.word;
    }
    const refused = secrets.refuse(line, now);
    if (refused !== null) return refused;
    const word = readWord(line);
    // A state goes out once.
    if (typeof word === 'string' || word.state !== null || word.id !== id) return word;
    if (before === undefined && believed.size >= most) believed.clear();
    const [signed, signature] = [line.slice(0, end), line.slice(end)];
    believed.set(id, { signed, signature, time: timeOf(line), generation: secrets.generation, word });
    return word;
  }
}

/** Takes as long for each signature that is not the same: nobody finds out how much of a guess was right. */
function isSame(line: string, start: number, signature: string): boolean {
  let differences = 0;
  for (let i = 0; i < signatureDigits; i++) differences |= line.charCodeAt(start + i) ^ signature.charCodeAt(i);
  return differences === 0;
}
