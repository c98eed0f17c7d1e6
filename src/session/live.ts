/**
 * The one object that all requests of a session share in this process, and what is known of its copy.
 *
 *      live ── destroy, regenerate ──> ended
 *        └──── restored anew (other epoch, later version elsewhere) ──> replaced
 *
 * Both ends are final: a request that still holds the object may not write it any more. Else a late answer would revive
 * a session after its logout, or bring changes under a number that another object has used (and be taken for kept).
 */
import type { SessionData } from './codec.ts';
import { SessionError } from './error.ts';

/** The end of a session, or of its id, as a response has said it: whether it came through shows only later. */
export class Ending {
  /** Changes were under way when it ended: whoever made or saw them depends on it. */
  readonly isOpen: boolean;
  /** At which the app has ended the session; 0: it goes on under another id. */
  readonly epoch: number;
  /** The store knows of it. */
  confirmed = false;
  /** Unix ms at which that response was over; 0: not yet. */
  closedAt = 0;
  private readonly over = Promise.withResolvers<void>();

  constructor(isOpen: boolean, epoch = 0) {
    this.isOpen = isOpen;
    this.epoch = epoch;
  }

  get closed(): Promise<void> {
    return this.over.promise;
  }

  close(now: number): void {
    this.closedAt = now;
    this.over.resolve();
  }
}

export class Live {
  state: 'live' | 'ended' | 'replaced' = 'live';
  readonly id: string;
  readonly epoch: number;
  data: SessionData;
  /** Number of the last change. */
  version = 0;
  /** The text of that version. */
  written: string;
  /** The process that wrote that version; '' it is not known, or there is none. */
  by = '';
  /** Last version that is known to be kept. */
  kept = 0;
  /** Life of the copies that the last put went to. */
  copy: string;
  /** When the copy was last put, Unix ms. */
  putAt = 0;
  /** When the session began, Unix ms. */
  readonly born: number;
  usedAt: number;
  warned = false;
  /** How it ended in this process. */
  ending: Ending | null = null;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(what: { id: string; epoch: number; copy: string; data: SessionData; written: string; now: number }) {
    this.id = what.id;
    this.epoch = what.epoch;
    this.copy = what.copy;
    this.data = what.data;
    this.written = what.written;
    this.born = this.usedAt = what.now;
  }

  /** Throws SessionError when the object is dead. */
  assertLive(): void {
    if (this.state === 'ended') {
      throw new SessionError('session-ended', 'the session was destroyed, or goes on under another id; open it anew');
    }
    if (this.state === 'replaced') {
      throw new SessionError('session-fenced', 'the session was changed or owned elsewhere meanwhile; open it anew');
    }
  }

  /** Runs `fn` when all that came before are through, whether they failed or not. */
  inTurn<T>(fn: () => T | Promise<T>): Promise<T> {
    const turn = this.tail.then(fn);
    this.tail = turn.catch(() => {});
    return turn;
  }
}
