/** The sessions of one app, whatever the strategy. All adapters open sessions here. */
import { DevalueCodec } from './data/devalue-codec.ts';
import type { SessionEventName, SessionListener } from './events.ts';
import type { Exchange, IncomingRequest, SessionProvider } from './exchange.ts';
import { type FilledOptions, fillOptions } from './filled-options.ts';
import { LocalSessions } from './local/local-sessions.ts';
import { expressSource } from './migration/express-source.ts';
import { type MigrationSource, SessionMigration } from './migration/migration.ts';
import { strategySource } from './migration/strategy-source.ts';
import { OpenSession } from './open-session.ts';
import type { SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { sessionIdShape } from './session-id.ts';
import { SharedSessions } from './shared/shared-sessions.ts';
import { StatelessSessions } from './stateless/stateless-sessions.ts';
import { StickySessions } from './sticky/sticky-sessions.ts';
import type { Strategy } from './strategy.ts';
import { type UserSession, UserSessions } from './user-sessions.ts';

const maxSweepIntervalMs = 60_000;

/** The sessions of one app: what NodeSessions and WebSessions have in common. */
export class Sessions {
  /** @internal */
  readonly options: FilledOptions;
  private readonly provider: SessionProvider;
  /** Stops the search for idle sessions; null: nobody listens for their end. */
  private stopSweeping: (() => void) | null = null;
  /** null: the app has no sessions elsewhere. */
  private readonly migration: SessionMigration | null;
  /** Until the package of the codec is loaded; null: nothing has to be loaded. */
  private loading: Promise<void> | null = null;

  /**
   * @param options Only `strategy` is required.
   * @throws TypeError that names the option, what was found and what is expected.
   */
  constructor(options: SessionOptions) {
    this.options = fillOptions(options);
    this.provider = providerOf(this.options);
    const { from } = options;
    this.migration = from === undefined ? null : new SessionMigration(sourceOf(from, this.options), this.options);
    const codec = this.options.codec.inner;
    if (!(codec instanceof DevalueCodec)) return;
    this.loading = codec.load().then(() => void (this.loading = null));
    // A failure is thrown to whoever opens a session.
    this.loading.catch(() => {});
  }

  /** Where sessions live, as the options say. */
  get strategy(): Strategy {
    return this.options.strategy;
  }

  /**
   * The session of a request, for adapters; no promise where nothing has to be read. Throws, or rejects with, SessionError.
   *
   * @internal
   */
  exchange(incoming: IncomingRequest, hasResponse: boolean): Exchange | Promise<Exchange> {
    if (this.loading !== null) return this.loading.then(() => this.openLoaded(incoming, hasResponse));
    return this.openLoaded(incoming, hasResponse);
  }

  /**
   * Ends the session of that id: nothing revives it. Also one that another server owns; one that does not exist counts as ended.
   *
   * @throws SessionError `session-store` or `session-ending` when the end is not known to be stored; `no-balancer` (sticky) before the
   * first request of a balancer. TypeError with strategy stateless, where no server has the session.
   * @example
   * await app.destroy(id);
   */
  async destroy(id: string): Promise<void> {
    await this.loaded();
    if (sessionIdShape.test(id)) await this.users.endOne(id, 'by-id');
  }

  /**
   * The sessions whose `user` was set to that id, the one that was seen last first; of more than 1,000 only some.
   *
   * @param user The id of the user, as it was given to `session.user`.
   * @throws SessionError `session-store` when the store does not answer. TypeError with strategy stateless.
   * @example
   * for (const { label, lastSeenAt, key } of await app.listSessions('ada')) console.log(label, lastSeenAt, key);
   */
  async listSessions(user: string): Promise<readonly UserSession[]> {
    await this.loaded();
    return this.users.list(user);
  }

  /**
   * Ends the sessions of a user ("log out everywhere"). No session that existed when it was called outlives it, and no open request
   * revives one.
   *
   * @param user The id of the user, as it was given to `session.user`.
   * @param selection `except`: one session, or its id, that stays. `only`: ends just the session with that key (of `listSessions`); the key
   * of another user's session is not found. Default: all sessions.
   * @returns how many were ended.
   * @throws SessionError `session-store` or `session-ending` when that is not known to be stored: call it again. TypeError with strategy
   * stateless.
   * @example
   * await app.destroySessions('ada', { except: session });
   */
  async destroySessions(
    user: string,
    selection: { readonly except?: Session | string; readonly only?: string } = {},
  ): Promise<number> {
    const { except, only } = selection;
    await this.loaded();
    return this.users.end(user, { except: except === undefined ? [] : idsOf(except), only: only ?? '' });
  }

  /**
   * All live sessions, in no order, opened one at a time; those that begin or end meanwhile may be missing. Strategy local: those of this
   * process. Sticky: one request to the store for each.
   *
   * @throws SessionError `session-store`. TypeError with strategy stateless, where no server has them.
   * @example
   * for await (const session of app.all()) if (session.get('trial')) await session.destroy();
   */
  async *all(): AsyncGenerator<Session> {
    await this.loaded();
    for await (const id of this.provider.directory.all()) {
      const session = await this.provider.find(id);
      if (session !== null) yield session;
    }
  }

  /** The session of that id, apart from any request; null: there is none. */
  protected async find(id: string): Promise<Session | null> {
    await this.loaded();
    return sessionIdShape.test(id) ? this.provider.find(id) : null;
  }

  /**
   * Calls `listener` whenever the event happens in this process, until `off`. What it throws goes to the option `onError`.
   *
   * @throws TypeError for a name that is no event.
   * @example
   * app.on('expired', ({ id, reason }) => documents.close(id));
   */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): this {
    this.options.events.on(name, listener);
    if (name === 'expired') this.stopSweeping ??= this.sweepLater();
    return this;
  }

  /**
   * Removes a listener that `on` has added.
   *
   * @throws TypeError for a name that is no event.
   */
  off<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): this {
    this.options.events.off(name, listener);
    return this;
  }

  /** Closes connections to stores. Sessions that are stored stay there. */
  async close(): Promise<void> {
    this.stopSweeping?.();
    await this.provider.close();
    await this.migration?.close();
  }

  private get users(): UserSessions {
    return new UserSessions(this.provider.directory, this.options);
  }

  private async loaded(): Promise<void> {
    await this.loading;
  }

  private openLoaded(incoming: IncomingRequest, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { migration } = this;
    const opened = this.provider.open(incoming, hasResponse);
    if (migration === null) return opened;
    return opened instanceof Promise
      ? opened.then((exchange) => migration.migrate(exchange, incoming, hasResponse))
      : migration.migrate(opened, incoming, hasResponse);
  }

  /** Requests find idle sessions as they go; without requests listeners would not learn of them. Returns what stops it. */
  private sweepLater(): () => void {
    const { idleMs, timers, clock } = this.options;
    return timers.after(Math.min(idleMs / 4, maxSweepIntervalMs), () => {
      this.provider.sweep?.(clock.now());
      this.stopSweeping = this.sweepLater();
    });
  }
}

function sourceOf(from: Exclude<SessionOptions['from'], undefined>, options: FilledOptions): MigrationSource {
  if (!('strategy' in from)) return expressSource(from, options);
  const { clock, timers, random, onWarning, onError } = options;
  const sourceOptions = fillOptions({ clock, timers, random, onWarning, onError, ...from });
  return strategySource(providerOf(sourceOptions), sourceOptions, options);
}

function idsOf(session: Session | string): readonly string[] {
  if (typeof session === 'string') return [session];
  return session instanceof OpenSession ? session.ids : [session.id];
}

function providerOf(options: FilledOptions): SessionProvider {
  switch (options.strategy) {
    case 'sticky':
      return new StickySessions(options, options.fallback === 'local' ? new LocalSessions(options) : null);
    case 'local':
      return new LocalSessions(options);
    case 'shared':
      return new SharedSessions(options);
    case 'stateless':
      return new StatelessSessions(options);
  }
}
