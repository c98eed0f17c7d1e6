/**
 * A store of express-session that an app had before: its sessions are read once, and migrated. Requests that a browser has sent at the
 * same time have the old cookie as well; so the old session stays for a minute, and is then removed. Its time is shortened first, in case
 * this process ends before.
 */
import type { Clock, Timers } from '../../time/clock.ts';
import { isPlain } from '../data/codec.ts';
import { asError, SessionError } from '../error.ts';
import type { FilledOptions } from '../filled-options.ts';
import { ForeignClient } from '../foreign/foreign-client.ts';
import type { Plain } from '../foreign/foreign-ids.ts';
import { cookieFor, type ForeignStore } from '../foreign/foreign-store.ts';

/** How long a session that was migrated can still be read where it was. */
export const gracePeriodMs = 60_000;

export class SourceStore {
  private readonly client: ForeignClient;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly onError: (error: Error) => void;

  constructor(store: ForeignStore, { clock, timers, limits, onError }: FilledOptions) {
    this.client = new ForeignClient(store, { timers, timeoutMs: limits.storeTimeout });
    this.clock = clock;
    this.timers = timers;
    this.onError = onError;
  }

  /** null: there is none, it has expired, or it has no cookie, and so was not written by a session library. Throws SessionError. */
  async read(id: string): Promise<Plain | null> {
    const found = await this.client.get(id).catch(failed);
    if (found === null || !isPlain(found.cookie)) return null;
    const { expires } = found.cookie;
    const isExpired =
      expires !== undefined && expires !== null && new Date(String(expires)).getTime() <= this.clock.wall();
    // As JSON: some stores return objects with methods.
    return isExpired ? null : JSON.parse(JSON.stringify(found));
  }

  /** It was migrated. What fails here goes to `onError`: the session is safe, and the old one expires. */
  async retire(id: string, session: Plain): Promise<void> {
    this.timers.after(gracePeriodMs, () => void this.destroy(id).catch((error) => this.onError(asError(error))));
    try {
      const cookie = { ...Object(session.cookie), ...cookieFor(gracePeriodMs, this.clock.wall()) };
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
