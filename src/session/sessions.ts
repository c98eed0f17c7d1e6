/** Sessions of one app, whatever the strategy: what `sessions(options)` gives, and what all adapters open sessions with. */
import { idShape } from './cookie.ts';
import { DevalueCodec } from './data/devalue-codec.ts';
import type { SessionEventName, SessionListener } from './events.ts';
import type { Exchange, Incoming, Opener } from './exchange.ts';
import { LocalSessions } from './local/local-sessions.ts';
import { type Former, formerExpress, formerStrategy, Move } from './migration/migration.ts';
import { OpenSession } from './open-session.ts';
import { type FilledOptions, fillOptions, type SessionOptions } from './options.ts';
import type { Session } from './session.ts';
import { SharedSessions } from './shared/shared-sessions.ts';
import { StatelessSessions } from './stateless/stateless-sessions.ts';
import { StickySessions } from './sticky/sticky-sessions.ts';
import type { Strategy } from './strategy.ts';
import { type UserSession, UserSessions } from './user-sessions.ts';

/** Milliseconds between two looks for idle sessions. */
const longestSweep = 60_000;

export class Sessions {
  readonly options: FilledOptions;
  private readonly opener: Opener;
  /** Ends looking for idle sessions; null: nobody listens. */
  private watch: (() => void) | null = null;
  private readonly move: Move | null;
  /** Until what the codec needs is loaded; null: it is. */
  private loading: Promise<void> | null = null;

  constructor(options: SessionOptions) {
    this.options = fillOptions(options);
    this.opener = openerOf(this.options);
    const { from } = options;
    this.move = from === undefined ? null : new Move(formerOf(from, this.options), this.options);
    const codec = this.options.codec.inner;
    if (!(codec instanceof DevalueCodec)) return;
    this.loading = codec.load().then(() => void (this.loading = null));
    // Whoever opens a session is told.
    this.loading.catch(() => {});
  }

  get strategy(): Strategy {
    return this.options.strategy;
  }

  /** At once where nothing has to be asked. Throws, or rejects with, SessionError. */
  exchange(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    if (this.loading !== null) return this.loading.then(() => this.openHere(incoming, hasResponse));
    return this.openHere(incoming, hasResponse);
  }

  /**
   * Ends the session of that id, also one that another server owns, and one that is not there: nothing revives it. Throws
   * SessionError when that is not known to be kept.
   */
  async destroy(id: string): Promise<void> {
    await this.ready();
    if (idShape.test(id)) await this.users.endOne(id, 'by-id');
  }

  /** The sessions whose `user` was set to that id, those that were seen last first. Of more than 1,000 some. Throws SessionError. */
  async listSessions(user: string): Promise<readonly UserSession[]> {
    await this.ready();
    return this.users.list(user);
  }

  /**
   * Ends the sessions of a user, and answers how many: all ("log out everywhere"), all `except` one (a session, or an id), or
   * `only` the one with that key (of `listSessions`; another user's is not found). None that was there when it was called outlives it, and
   * no request in flight revives one. Throws SessionError when that is not known to be kept: call it again.
   *
   *     await app.destroySessions('ada', { except: session });
   */
  async destroySessions(
    user: string,
    { except, only }: { readonly except?: Session | string; readonly only?: string } = {},
  ): Promise<number> {
    await this.ready();
    return this.users.end(user, { except: except === undefined ? [] : idsOf(except), only: only ?? '' });
  }

  /**
   * All live sessions, in no order, one opened at a time; those that begin or end meanwhile may be missing. Strategy local: of this
   * process. Sticky: one question to the store for each. Throws TypeError with stateless, where no server has them.
   */
  async *all(): AsyncGenerator<Session> {
    await this.ready();
    for await (const id of this.opener.directory.all()) {
      const session = await this.opener.find(id);
      if (session !== null) yield session;
    }
  }

  private get users(): UserSessions {
    return new UserSessions(this.opener.directory, this.options);
  }

  /** Of that id, apart from any request; null: there is none (any more). */
  protected async find(id: string): Promise<Session | null> {
    await this.ready();
    return idShape.test(id) ? this.opener.find(id) : null;
  }

  private async ready(): Promise<void> {
    await this.loading;
  }

  /**
   * Calls `listener` whenever that happens in this process, until `off`. What it throws goes to `onError`. Throws TypeError for a name
   * that is none.
   *
   *     app.on('expired', ({ id, reason }) => documents.close(id));
   */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): this {
    this.options.events.on(name, listener);
    if (name === 'expired') this.watch ??= this.watchIdle();
    return this;
  }

  off<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): this {
    this.options.events.off(name, listener);
    return this;
  }

  /** Without requests, too, whoever listens hears of sessions that were idle for too long. Answers what ends it. */
  private watchIdle(): () => void {
    const { idle, timers, clock } = this.options;
    return timers.after(Math.min(idle / 4, longestSweep), () => {
      this.opener.sweep?.(clock.now());
      this.watch = this.watchIdle();
    });
  }

  /** Ends connections to stores. Sessions that are kept somewhere stay there. */
  async close(): Promise<void> {
    this.watch?.();
    await this.opener.close();
    await this.move?.close();
  }

  private openHere(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange> {
    const { move } = this;
    const opened = this.opener.open(incoming, hasResponse);
    if (move === null) return opened;
    return opened instanceof Promise
      ? opened.then((exchange) => move.bring(exchange, incoming, hasResponse))
      : move.bring(opened, incoming, hasResponse);
  }
}

function formerOf(from: Exclude<SessionOptions['from'], undefined>, options: FilledOptions): Former {
  if (!('strategy' in from)) return formerExpress(from, options);
  const { clock, timers, random, onWarning, onError } = options;
  const filled = fillOptions({ clock, timers, random, onWarning, onError, ...from });
  return formerStrategy(openerOf(filled), filled, options);
}

function idsOf(session: Session | string): readonly string[] {
  if (typeof session === 'string') return [session];
  return session instanceof OpenSession ? session.ids : [session.id];
}

function openerOf(options: FilledOptions): Opener {
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
