/**
 * The store of an app that comes from express-session, or from another strategy: sessions are read there once, and moved. Requests that
 * a browser has sent at the same time bring the old cookie as well; so the old session is there for a minute more, and then gone,
 * whatever becomes of this process: its time is shortened first.
 */

import type { Clock, Timers } from '../../time/clock.ts';
import { isPlain } from '../data/codec.ts';
import { asError, SessionError } from '../error.ts';
import type { Plain } from '../foreign/foreign-ids.ts';
import { cookieFor, ForeignClient, type ForeignStore } from '../foreign/foreign-store.ts';
import type { FilledOptions } from '../options.ts';

/** Milliseconds that a session can still be read where it was, after it has been moved. */
export const graceTime = 60_000;

export class FormerStore {
  private readonly client: ForeignClient;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly onError: (error: Error) => void;

  constructor(store: ForeignStore, { clock, timers, limits, onError }: FilledOptions) {
    this.client = new ForeignClient(store, { timers, timeout: limits.storeTimeout });
    this.clock = clock;
    this.timers = timers;
    this.onError = onError;
  }

  /** null: there is none, or it has expired; no session library wrote what has no cookie. Throws SessionError. */
  async read(id: string): Promise<Plain | null> {
    const found = await this.client.get(id).catch(failed);
    if (found === null || !isPlain(found.cookie)) return null;
    const { expires } = found.cookie;
    const isOver =
      expires !== undefined && expires !== null && new Date(String(expires)).getTime() <= this.clock.wall();
    // As written down: some stores give out objects of their own.
    return isOver ? null : JSON.parse(JSON.stringify(found));
  }

  /** It has been moved. What fails is told to `onError`: the session is safe, and the old one goes with its time. */
  async retire(id: string, session: Plain): Promise<void> {
    this.timers.after(graceTime, () => void this.destroy(id).catch((error) => this.onError(asError(error))));
    try {
      const cookie = { ...Object(session.cookie), ...cookieFor(graceTime, this.clock.wall()) };
      await this.client.set(id, { ...session, cookie });
    } catch (error) {
      this.onError(asError(error));
    }
  }

  /** Throws SessionError. */
  destroy(id: string): Promise<void> {
    return this.client.destroy(id).catch(failed);
  }
}

function failed(cause: unknown): never {
  throw new SessionError('session-store', `the former store failed: ${asError(cause).message}`, { cause });
}
