/**
 * A change of the session's id (`regenerate`), by one request.
 *
 *      pending ── put with its new id ──> stored ── header in a response ──> announced
 *
 * pending: the next put makes it. stored: the store has the session under its new id, and the balancer has to give the client the new
 * cookie. announced: a header in the response says so.
 */
import type { HeaderLines } from '../exchange.ts';
import { noHeaderLines } from '../exchange.ts';
import type { LiveSession } from '../live-session.ts';
import { rotateHeader } from './protocol.ts';

export class IdChange {
  state: 'pending' | 'stored' | 'announced' = 'pending';
  /** The object under the id before. */
  readonly previous: LiveSession;
  /** Its encoded data before `regenerate`. */
  readonly previousEncoded: string;
  /** The store was asked for the change: whatever it answers, it may have made it. */
  private isStoreAsked = false;
  /** Proves to the balancer that the store has made the change; '' when the change is sent with the response. */
  private proof = '';

  constructor(previous: LiveSession, previousEncoded: string) {
    this.previous = previous;
    this.previousEncoded = previousEncoded;
  }

  /** Nobody outside this process knows of it. */
  get canBeUndone(): boolean {
    return this.state === 'pending' && !this.isStoreAsked;
  }

  /** The app has called `regenerate` once more. */
  restart(): void {
    this.state = 'pending';
  }

  /** The store is going to be asked for it. */
  markAsked(): void {
    this.isStoreAsked = true;
    this.markKnown();
  }

  /** The store has made it. `proof`: '' none. */
  markStored(proof: string): void {
    this.proof = proof;
    this.state = 'stored';
  }

  /** It is sent with the put of the response. */
  markSent(): void {
    this.state = 'stored';
  }

  /** The header that announces it, once. */
  announce({ epoch, id }: LiveSession): HeaderLines {
    if (this.state !== 'stored') return noHeaderLines;
    this.state = 'announced';
    this.markKnown();
    const proof = this.proof === '' ? '' : `; proof=${this.proof}`;
    return [[rotateHeader, `epoch=${epoch}; id=${id}${proof}`]];
  }

  private markKnown(): void {
    const { end } = this.previous;
    if (end !== null) end.mayBeKnown = true;
  }
}
