/**
 * Strategy shared: the session lives in a store. Each request reads it and writes it back when it has changed. No server
 * owns it, so two requests may change it at the same time: a write counts only when it follows what was read (compare-and-set).
 */
import { anyEpoch } from '../../store/store.ts';
import { idleMsOf, isSecure, readCookies } from '../cookie.ts';
import type { SessionDirectory } from '../directory.ts';
import type { Exchange, IncomingRequest, SessionProvider } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { Session } from '../session.ts';
import { sessionIdShape } from '../session-id.ts';
import { UserSessions } from '../user-sessions.ts';
import { openSharedStore } from './open-shared-store.ts';
import { SharedSession } from './shared-session.ts';
import type { SharedStore } from './shared-store.ts';

export class SharedSessions implements SessionProvider {
  readonly directory: SessionDirectory;
  private readonly options: FilledOptions;
  private readonly users: UserSessions;
  private opening: Promise<SharedStore> | null = null;

  constructor(options: FilledOptions) {
    this.options = options;
    this.directory = {
      read: async (id) => {
        const live = await (await this.store()).read(id);
        if (live === null) return null;
        const { data, lastPutAt } = live;
        return { data, lastSeenAt: lastPutAt, expiresAt: lastPutAt + idleMsOf(options, live) };
      },
      end: async (id) => (await this.store()).end(id, anyEpoch),
      ofUser: async (user) => (await this.store()).ofUser(user),
      all: () => this.all(),
    };
    this.users = new UserSessions(this.directory, options);
  }

  async open(incoming: IncomingRequest, hasResponse: boolean): Promise<Exchange> {
    const { options, users } = this;
    const store = await this.store();
    const context = { options, store, users, secure: isSecure(incoming), hasResponse };
    for (const id of readCookies(incoming, options.cookie.name, sessionIdShape)) {
      const live = await store.read(id);
      if (live !== null) return new SharedSession(live, { ...context, isNew: false });
    }
    // An id that no server has given out is never used (session fixation).
    return new SharedSession(store.begin(), { ...context, isNew: true });
  }

  async find(id: string): Promise<Session | null> {
    const { options, users } = this;
    const store = await this.store();
    const live = await store.read(id);
    return live && new SharedSession(live, { options, store, users, secure: false, hasResponse: false, isNew: false });
  }

  /** A store that the app has given as an object is the app's to close. */
  async close(): Promise<void> {
    const { store } = this.options;
    if (typeof store === 'function' || typeof store === 'string') await (await this.opening)?.close();
  }

  private async *all(): AsyncGenerator<string> {
    yield* (await this.store()).all();
  }

  /** Opened with the first request. After a failure the next request tries again. */
  private store(): Promise<SharedStore> {
    this.opening ??= openSharedStore(this.options).catch((error: unknown) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }
}
