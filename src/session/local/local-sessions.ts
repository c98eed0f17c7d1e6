/**
 * Strategy local: the session lives in this process's memory and nowhere else, as with the classic sticky session.
 * When the process ends, or the memory is full, it is gone; `survivesCrash` says so.
 */
import { idleMsOf, isSecure, readCookies } from '../cookie.ts';
import type { SessionDirectory, StoredSession } from '../directory.ts';
import type { Exchange, IncomingRequest, SessionProvider } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { newLiveSession } from '../new-session.ts';
import { type EvictionReason, Registry } from '../registry.ts';
import type { Session } from '../session.ts';
import { sessionIdShape } from '../session-id.ts';
import { UserSessions } from '../user-sessions.ts';
import { LocalSession } from './local-session.ts';

export class LocalSessions implements SessionProvider {
  readonly directory: SessionDirectory;
  private readonly options: FilledOptions;
  private readonly registry: Registry;
  private readonly users: UserSessions;

  constructor(options: FilledOptions) {
    this.options = options;
    this.registry = new Registry(
      options.limits.sessions,
      (live) => idleMsOf(options, live),
      (live, reason) => this.emitExpired(live, reason),
    );
    this.directory = this.createDirectory();
    this.users = new UserSessions(this.directory, options);
  }

  open(incoming: IncomingRequest, hasResponse: boolean): Exchange {
    const { options, registry, users } = this;
    const now = options.clock.now();
    const secure = isSecure(incoming);
    // Also for clients without a cookie: there may be no others.
    registry.sweep(now);
    for (const id of readCookies(incoming, options.cookie.name, sessionIdShape)) {
      const live = registry.find(id, now, this.isExpired);
      if (live === undefined) continue;
      return new LocalSession(live, { options, registry, users, secure, isNew: false, hasResponse });
    }
    // An id that this process has not given out is never used (session fixation).
    return new LocalSession(newLiveSession(options, now), {
      options,
      registry,
      users,
      secure,
      isNew: true,
      hasResponse,
    });
  }

  async find(id: string): Promise<Session | null> {
    const { options, registry, users } = this;
    const live = registry.find(id, options.clock.now(), this.isExpired);
    if (live === undefined) return null;
    return new LocalSession(live, { options, registry, users, secure: false, isNew: false, hasResponse: false });
  }

  sweep(now: number): void {
    this.registry.sweep(now, this.registry.size);
  }

  async close(): Promise<void> {}

  /** Sessions in memory. */
  get size(): number {
    return this.registry.size;
  }

  /** It has no index by user: to go through the memory of one process is fast, and logins are rare. */
  private createDirectory(): SessionDirectory {
    const { registry, options } = this;
    const { clock, codec } = options;
    const find = (id: string) => {
      const live = registry.peek(id);
      return live === undefined || this.isExpired(live, clock.now()) ? undefined : live;
    };
    return {
      async read(id): Promise<StoredSession | null> {
        const live = find(id);
        if (live === undefined) return null;
        const { encoded, lastUsedAt } = live;
        const expiresAt = lastUsedAt + idleMsOf(options, live);
        return { data: codec.decode(encoded), lastSeenAt: lastUsedAt, expiresAt };
      },
      async end(id) {
        const live = registry.peek(id);
        if (live !== undefined) registry.end(live, clock.now());
      },
      async ofUser(user) {
        const ids: string[] = [];
        for (const live of registry.all()) if (live.user === user && find(live.id) !== undefined) ids.push(live.id);
        return ids;
      },
      async *all() {
        for (const { id, version } of [...registry.all()]) if (version > 0 && find(id) !== undefined) yield id;
      },
    };
  }

  private emitExpired(live: LiveSession, evictedFor: EvictionReason): void {
    const { events, clock, absoluteMs } = this.options;
    const { id, data, version, createdAt } = live;
    const isTooOld = absoluteMs > 0 && clock.now() - createdAt > absoluteMs;
    const reason = evictedFor === 'memory' ? evictedFor : isTooOld ? 'absolute' : 'idle';
    if (version > 0) events.emitOnce(live, 'expired', { id, data, reason });
  }

  private readonly isExpired = (live: LiveSession, now: number): boolean => {
    const { absoluteMs } = this.options;
    return (
      now - live.lastUsedAt > idleMsOf(this.options, live) || (absoluteMs > 0 && now - live.createdAt > absoluteMs)
    );
  };
}
