/**
 * What one request has changed of a session, and how that is undone. A live session is shared by all its requests, so its data can hold
 * changes of several of them: each request notes when it could first have changed the data, and what is undone for one request is an
 * error for every other one that may have changed the same.
 */
import { asSessionError, encodeState } from './data/encode.ts';
import { SessionError } from './error.ts';
import type { FilledOptions } from './filled-options.ts';
import type { LiveSession } from './live-session.ts';

export abstract class TrackedSession {
  protected live: LiveSession;
  protected readonly options: FilledOptions;
  /** open: the head of the response is not sent. headSent: it is. none: there is no response. closed: nothing more can be sent. */
  protected response: 'open' | 'headSent' | 'none' | 'closed';
  /** `live.undoCount` when this request could first have changed data that is not encoded yet; -1: it cannot have. */
  private changedAt = -1;
  /** This request is counted in `live.writers`. */
  private isWriter = false;

  constructor(live: LiveSession, options: FilledOptions, hasResponse: boolean) {
    this.live = live;
    this.options = options;
    this.response = hasResponse ? 'open' : 'none';
  }

  /** Undoes what this request has changed and what is not stored, unless other open requests share it. */
  fail(): void {
    const mayHaveChanged = this.changedAt >= 0;
    this.endChanges();
    if (mayHaveChanged) this.undoTo(this.live, this.live.encoded, 'another request of the session failed');
  }

  /** From now on this request may have changed the data. */
  protected beginChanges(): void {
    if (this.changedAt >= 0) return;
    const { live } = this;
    this.changedAt = live.undoCount;
    // Without a response there is no moment at which this request would end.
    this.isWriter = this.response === 'open' || this.response === 'headSent';
    if (this.isWriter) live.writers++;
  }

  /**
   * The data, encoded, to be stored. Data that cannot be stored is undone first: it would be in the way of every later request. Throws
   * SessionError for such data, and when the changes of this request were undone together with those of another one.
   */
  protected encodeData(): string {
    const { live, options, changedAt } = this;
    const { undoReason } = live;
    if (changedAt >= 0 && changedAt !== live.undoCount && undoReason !== null) {
      this.fail();
      throw undoReason;
    }
    this.endChanges();
    try {
      return encodeState(live, options, changedAt >= 0);
    } catch (error) {
      const reason = asSessionError(error);
      live.undo(live.encoded, options.codec, reason);
      // Another request has made that change, and gets the error.
      if (changedAt < 0) return live.encoded;
      throw reason;
    }
  }

  /**
   * Sets the data back to `encoded`. When other open requests may have changed it as well it stays, as long as it can be stored.
   * `reason`: what happened, for the error that those requests get.
   */
  protected undoTo(live: LiveSession, encoded: string, reason: string): void {
    if (live.state !== 'live') return;
    const { codec } = this.options;
    let canBeStored = true;
    try {
      if (encodeState(live, this.options, true) === encoded) return;
    } catch {
      canBeStored = false;
    }
    if (canBeStored && live.writers > (this.isWriter && live === this.live ? 1 : 0)) return;
    const message = `${reason}, and what was not kept yet was undone with it; try again`;
    live.undo(encoded, codec, new SessionError('session-conflict', message));
    if (this.changedAt >= 0) this.changedAt = live.undoCount;
  }

  /** The response is over: this request counts as a writer no more. What it has changed may still be undone. */
  protected closeResponse(): void {
    this.response = 'closed';
    this.endWriting();
  }

  /** What this request has changed so far is encoded, or undone. */
  private endChanges(): void {
    this.changedAt = -1;
    this.endWriting();
  }

  private endWriting(): void {
    if (this.isWriter) this.live.writers--;
    this.isWriter = false;
  }
}
