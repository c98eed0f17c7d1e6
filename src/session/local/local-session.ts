/** One request's use of a local session. */
import { isPersistent, writeCookie } from '../cookie.ts';
import { type CookieSettings, isSame } from '../data/cookie-settings.ts';
import { encodeEnded } from '../data/encode.ts';
import { userOf } from '../data/user.ts';
import { beganAfterHead, type SessionError } from '../error.ts';
import { type HeaderLines, noHeaderLines } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { newLiveSession } from '../new-session.ts';
import { OpenSession } from '../open-session.ts';
import type { Registry } from '../registry.ts';
import type { UserSessions } from '../user-sessions.ts';

interface LocalContext {
  readonly options: FilledOptions;
  readonly registry: Registry;
  readonly users: UserSessions;
  /** The client speaks TLS. */
  readonly secure: boolean;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

export class LocalSession extends OpenSession {
  readonly strategy = 'local';
  readonly survivesCrash = false;
  private readonly registry: Registry;
  private readonly users: UserSessions;
  private readonly secure: boolean;
  /** What the next head does to the client's cookie. */
  private cookieAction: 'none' | 'set-when-stored' | 'set' | 'delete';
  /** The settings of the cookie that the client sent; null: it sent none. */
  private readonly clientCookie: CookieSettings | null;
  /** The object under the id before `regenerate`, and its encoded data before that; null: the id is as it was. */
  private previous: LiveSession | null = null;
  private previousEncoded = '';

  constructor(live: LiveSession, { options, registry, users, secure, isNew, hasResponse }: LocalContext) {
    super(live, options, { reason: isNew ? 'new' : 'held', isNew, hasResponse });
    this.registry = registry;
    this.users = users;
    this.secure = secure;
    this.cookieAction = this.firstCookieAction();
    this.clientCookie = isNew ? null : this.cookieSettings;
  }

  protected changeId(): undefined {
    this.assertHeadOpen('session.regenerate');
    const { live: old, options } = this;
    const before = old.encoded;
    const encoded = this.encodeData();
    const now = options.clock.now();
    const live = newLiveSession(options, now);
    // A copy, not the same object: a request that came with the old id must not see what is written after the login.
    live.data = options.codec.decode(encoded);
    live.encoded = encoded;
    live.version = old.version;
    live.user = old.user;
    this.endInMemory(old);
    this.registry.add(live, now);
    if (this.previous === null) {
      this.previous = old;
      this.previousEncoded = before;
    }
    this.live = live;
    this.cookieAction = 'set';
  }

  async destroy(): Promise<void> {
    this.live.assertLive();
    this.endInMemory(this.live);
    this.cookieAction = 'delete';
    this.emitDestroyed();
  }

  /** Undoes a change of id as well that the client does not know of: it must not be signed in by halves. */
  override fail(): void {
    super.fail();
    const { previous, registry, live, options } = this;
    if (previous === null || this.cookieAction !== 'set') return;
    registry.markReplaced(live);
    registry.undoEnd(previous, options.clock.now());
    // A session that nobody knows of.
    if (previous.version === 0) registry.remove(previous);
    previous.encoded = this.previousEncoded;
    this.live = previous;
    this.previous = null;
    this.cookieAction = this.firstCookieAction();
    this.undoTo(previous, previous.encoded, 'another request of the session failed');
  }

  async save(): Promise<void> {
    this.live.assertLive();
    await this.store();
    this.emitStored();
  }

  beforeHead(): HeaderLines | Promise<HeaderLines> {
    this.response = 'headSent';
    const waiting = this.store();
    return waiting === undefined ? this.cookieLines() : waiting.then(() => this.cookieLines());
  }

  private cookieLines(): HeaderLines {
    const { cookieAction, live, options, secure, cookieSettings: settings, clientCookie: previous } = this;
    const change = { secure, settings, previous };
    this.cookieAction = 'none';
    if (cookieAction === 'delete') return writeCookie(options, '', change);
    if (cookieAction === 'set') return writeCookie(options, live.id, change);
    if (cookieAction === 'none') {
      const isDue = live.state === 'live' && (isPersistent(settings) || !isSame(settings, previous));
      return isDue ? writeCookie(options, live.id, change) : noHeaderLines;
    }
    if (live.version > 0) return writeCookie(options, live.id, change);
    this.cookieAction = 'set-when-stored';
    return noHeaderLines;
  }

  beforeEnd(): HeaderLines | Promise<HeaderLines> {
    const waiting = this.store();
    return waiting === undefined ? this.linesAtEnd() : waiting.then(() => this.linesAtEnd());
  }

  private linesAtEnd(): HeaderLines {
    if (this.cookieAction === 'set-when-stored' && this.live.version > 0) throw beganAfterHead();
    return noHeaderLines;
  }

  /** Memory is all the store there is, but what another strategy would refuse is refused here too. */
  private store(): undefined | Promise<void> {
    const { live, previous, options, users } = this;
    if (previous !== null && options.codec.encode(previous.data) !== previous.encoded) previous.assertLive();
    if (live.state !== 'live') {
      if (options.codec.encode(live.data) !== live.encoded) live.assertLive();
      return undefined;
    }
    const user = userOf(live.data);
    if (user !== undefined && user !== live.user && options.limits.userSessions > 0) {
      return users.assertRoom(user, this.ids).then(
        () => {
          this.storeNow(live);
          return users.enforceLimit(user, live.id);
        },
        (error) => this.refuseUser(error),
      );
    }
    this.storeNow(live);
    return undefined;
  }

  private storeNow(live: LiveSession): void {
    const { options, registry } = this;
    const encoded = this.encodeData();
    if (encoded === live.encoded) return;
    live.user = userOf(live.data);
    live.encoded = encoded;
    live.version++;
    registry.add(live, options.clock.now());
  }

  /** The user has too many sessions: nobody is signed in. */
  private refuseUser(error: SessionError): never {
    const { codec } = this.options;
    this.live.undo(this.live.encoded, codec, error);
    this.fail();
    this.live.undo(this.live.encoded, codec, error);
    throw error;
  }

  private firstCookieAction(): 'none' | 'set-when-stored' {
    return this.isNew ? 'set-when-stored' : 'none';
  }

  private endInMemory(live: LiveSession): void {
    live.encoded = encodeEnded(live, this.options);
    this.registry.end(live, this.options.clock.now());
  }
}
