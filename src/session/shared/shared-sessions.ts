/**
 * Strategy shared: the session lives in a store, and each request reads it and writes it back if it has changed. No server
 * owns it, so two requests may change it at once: a write counts only when it follows what was read (compare-and-set).
 */
import { anyEpoch } from '../../store/store.ts';
import { idleOf, idShape, isSecure, readCookies } from '../cookie.ts';
import type { Directory } from '../directory.ts';
import type { Exchange, Incoming, Opener } from '../exchange.ts';
import type { FilledOptions } from '../options.ts';
import type { Session } from '../session.ts';
import { UserSessions } from '../user-sessions.ts';
import { SharedSession } from './shared-session.ts';
import { openShared, type SharedStore } from './shared-store.ts';

export class SharedSessions implements Opener {
  readonly directory: Directory;
  private readonly options: FilledOptions;
  private readonly users: UserSessions;
  private opened: Promise<SharedStore> | null = null;

  constructor(options: FilledOptions) {
    this.options = options;
    this.directory = {
      read: async (id) => {
        const live = await (await this.store()).read(id);
        return live === null
          ? null
          : { data: live.data, seen: live.putAt, expires: live.putAt + idleOf(options, live) };
      },
      end: async (id) => (await this.store()).end(id, anyEpoch),
      ofUser: async (user) => (await this.store()).ofUser(user),
      all: () => this.all(),
    };
    this.users = new UserSessions(this.directory, options);
  }

  async open(incoming: Incoming, hasResponse: boolean): Promise<Exchange> {
    const { options, users } = this;
    const store = await this.store();
    const how = { options, store, users, secure: isSecure(incoming), hasResponse };
    for (const id of readCookies(incoming, options.cookie.name, idShape)) {
      const live = await store.read(id);
      if (live !== null) return new SharedSession(live, { ...how, isNew: false });
    }
    // An id that we did not give out is never adopted (fixation).
    return new SharedSession(store.begin(), { ...how, isNew: true });
  }

  async find(id: string): Promise<Session | null> {
    const { options, users } = this;
    const store = await this.store();
    const live = await store.read(id);
    return live && new SharedSession(live, { options, store, users, secure: false, hasResponse: false, isNew: false });
  }

  private async *all(): AsyncGenerator<string> {
    yield* (await this.store()).all();
  }

  async close(): Promise<void> {
    const { store } = this.options;
    if (typeof store === 'function' || typeof store === 'string') await (await this.opened)?.close();
  }

  /** Opened with the first request; a failure is tried again with the next. */
  private store(): Promise<SharedStore> {
    this.opened ??= openShared(this.options).catch((error: unknown) => {
      this.opened = null;
      throw error;
    });
    return this.opened;
  }
}
