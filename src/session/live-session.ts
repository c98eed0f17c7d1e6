/**
 * The one object that all requests of a session share in this process, and what is known of its copy.
 *
 *      live ── destroy, regenerate ──> ended
 *        └──── restored anew (other epoch, later version elsewhere) ──> replaced
 *
 * Both ends are final: a request that still holds the object may not write it any more. Else a late answer would revive
 * a session after its logout, or bring changes under a number that another object has used (and be taken for kept).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { UserHash } from '../store/store.ts';
import type { Codec, SessionData } from './data/codec.ts';
import { cookieOf, setCookieOf } from './data/cookie-settings.ts';
import { SessionError } from './error.ts';

/** The end of a session, or of its id, as a response has said it: whether it came through shows only later. */
export class Ending {
  /** Changes were under way when it ended: whoever made or saw them depends on it. */
  readonly isOpen: boolean;
  /** At which the app has ended the session; 0: it goes on under another id. */
  readonly epoch: number;
  /** The balancer, or its store, may have heard of it. */
  isSent = false;
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

/** An `update` whose function runs: what it calls can be told from what has to wait for it. */
interface Turn {
  readonly live: Live;
  /** In whose function this one was called; null: none. */
  readonly outer: Turn | null;
  isRunning: boolean;
  /** Updates of the same session that were called within: they are a part of this one. */
  readonly nested: Promise<unknown>[];
}

const turns = new AsyncLocalStorage<Turn>();

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
  /** Whose session the store knows it to be. */
  user: UserHash | undefined;
  /** Life of the copies that the last put went to. */
  copy: string;
  /** When the copy was last put, Unix ms. */
  putAt = 0;
  /** When the session began, Unix ms. */
  readonly born: number;
  usedAt: number;
  warned = false;
  /** Requests in flight that may have changed the data since it was last written. */
  writers = 0;
  /** How often changes were taken back that such a request may have made, and what it is told. */
  undone = 0;
  undoneBy: SessionError | null = null;
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

  /** The data is what `text` says, and so it is for whoever holds the object. */
  undo(text: string, codec: Codec, why: SessionError): void {
    const before = codec.decode(text);
    try {
      for (const name of Reflect.ownKeys(this.data)) Reflect.deleteProperty(this.data, name);
      Object.setPrototypeOf(this.data, Object.prototype);
      Object.assign(this.data, before);
      setCookieOf(this.data, cookieOf(before));
      if (codec.encode(this.data) !== text) this.data = before;
    } catch {
      // Frozen, or with a property that cannot be removed.
      this.data = before;
    }
    this.undone++;
    this.undoneBy = why;
  }

  /** Called within the function of an `inTurn` of this session. */
  get isInTurn(): boolean {
    return this.runningTurn() !== null;
  }

  /**
   * Runs `fn` when all that came before are through, whether they failed or not. Within another of this session it runs at
   * once, as a part of that: to wait for it would be to wait for ever.
   */
  inTurn<T>(fn: () => T | Promise<T>): Promise<T> {
    const within = this.runningTurn();
    if (within !== null) {
      const part = (async () => fn())();
      within.nested.push(part.catch(() => {}));
      return part;
    }
    const outer = turns.getStore() ?? null;
    const turn = this.tail.then(() => {
      const running: Turn = { live: this, outer, isRunning: true, nested: [] };
      return turns.run(running, async () => {
        try {
          return await fn();
        } finally {
          await Promise.all(running.nested);
          running.isRunning = false;
        }
      });
    });
    this.tail = turn.catch(() => {});
    return turn;
  }

  private runningTurn(): Turn | null {
    for (let turn = turns.getStore() ?? null; turn !== null; turn = turn.outer) {
      if (turn.live === this && turn.isRunning) return turn;
    }
    return null;
  }
}
