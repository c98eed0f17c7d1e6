/**
 * Strategy local: the session lives in this process's memory and nowhere else, as with the classic sticky session.
 * When the process ends, or the memory is full, it is gone; `survivesCrash` says so.
 */
import { idleOf, idShape, isPersistent, isSecure, readCookies, writeCookie } from '../cookie.ts';
import { type CookieSettings, isSame } from '../data/cookie-settings.ts';
import { userOf } from '../data/user.ts';
import type { Directory } from '../directory.ts';
import { beganLate, type SessionError } from '../error.ts';
import { type Exchange, type Incoming, type Lines, noLines, type Opener } from '../exchange.ts';
import { Live } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import type { FilledOptions } from '../options.ts';
import { type Gone, Registry } from '../registry.ts';
import type { Session } from '../session.ts';
import { UserSessions } from '../user-sessions.ts';

export class LocalSessions implements Opener {
  readonly directory: Directory;
  private readonly options: FilledOptions;
  private readonly registry: Registry;
  private readonly users: UserSessions;

  constructor(options: FilledOptions) {
    this.options = options;
    this.registry = new Registry(
      options.limits.sessions,
      (live) => idleOf(options, live),
      (live, why) => this.tellGone(live, why),
    );
    this.directory = this.directoryOf(options);
    this.users = new UserSessions(this.directory, options);
  }

  open(incoming: Incoming, hasResponse: boolean): Exchange {
    const { options, registry, users } = this;
    const now = options.clock.now();
    const secure = isSecure(incoming);
    // Also for clients without a cookie: they may be all that come.
    registry.sweep(now);
    for (const id of readCookies(incoming, options.cookie.name, idShape)) {
      const live = registry.find(id, now, this.isOver);
      if (live === undefined) continue;
      return new LocalSession(live, { options, registry, users, secure, isNew: false, hasResponse });
    }
    // An id that we did not give out is never adopted (fixation).
    return new LocalSession(newLive(options), { options, registry, users, secure, isNew: true, hasResponse });
  }

  async find(id: string): Promise<Session | null> {
    const { options, registry, users } = this;
    const live = registry.find(id, options.clock.now(), this.isOver);
    if (live === undefined) return null;
    return new LocalSession(live, { options, registry, users, secure: false, isNew: false, hasResponse: false });
  }

  sweep(now: number): void {
    this.registry.sweep(now, this.registry.size);
  }

  async close(): Promise<void> {}

  /** It has no index: to go through the memory of one process is fast, and signing in is rare. */
  private directoryOf(options: FilledOptions): Directory {
    const { registry } = this;
    const { clock, codec } = options;
    const find = (id: string) => {
      const live = registry.peek(id);
      return live === undefined || this.isOver(live, clock.now()) ? undefined : live;
    };
    return {
      async read(id) {
        const live = find(id);
        if (live === undefined) return null;
        return { data: codec.decode(live.written), seen: live.usedAt, expires: live.usedAt + idleOf(options, live) };
      },
      async end(id) {
        const live = registry.peek(id);
        if (live !== undefined) registry.end(live, clock.now());
      },
      async ofUser(user) {
        const ids: string[] = [];
        for (const { id, user: its } of registry.all()) if (its === user && find(id) !== undefined) ids.push(id);
        return ids;
      },
      async *all() {
        for (const { id, version } of [...registry.all()]) if (version > 0 && find(id) !== undefined) yield id;
      },
    };
  }

  /** Sessions in memory. */
  get size(): number {
    return this.registry.size;
  }

  private tellGone(live: Live, why: Gone): void {
    const { events, clock, absolute } = this.options;
    const { id, data, version, born } = live;
    const isTooOld = absolute > 0 && clock.now() - born > absolute;
    const reason = why === 'memory' ? why : isTooOld ? 'absolute' : 'idle';
    if (version > 0) events.emitOnce(live, 'expired', { id, data, reason });
  }

  private readonly isOver = (live: Live, now: number): boolean => {
    const { absolute } = this.options;
    return now - live.usedAt > idleOf(this.options, live) || (absolute > 0 && now - live.born > absolute);
  };
}

function newLive({ clock, codec, random }: FilledOptions): Live {
  const data = {};
  const id = Buffer.from(random(16)).toString('hex');
  return new Live({ id, epoch: 1, copy: '', data, written: codec.encode(data), now: clock.now() });
}

interface LocalHow {
  readonly options: FilledOptions;
  readonly registry: Registry;
  readonly users: UserSessions;
  readonly secure: boolean;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

class LocalSession extends OpenSession {
  readonly strategy = 'local';
  readonly survivesCrash = false;
  private readonly registry: Registry;
  private readonly users: UserSessions;
  private readonly secure: boolean;
  /** What the client has to be told: a new id, or that there is none any more. */
  private telling: 'none' | 'when-used' | 'due' | 'delete';
  /** What was said of the cookie that the client came with; null: it came with none. */
  private readonly told: CookieSettings | null;
  private former: Live | null = null;
  /** What of it was written before. */
  private formerText = '';

  constructor(live: Live, how: LocalHow) {
    super(live, how.options, { reason: how.isNew ? 'new' : 'held', isNew: how.isNew, hasResponse: how.hasResponse });
    this.registry = how.registry;
    this.users = how.users;
    this.secure = how.secure;
    this.telling = this.firstCookie();
    this.told = how.isNew ? null : this.settings;
  }

  protected changeId(): undefined {
    this.assertHeadHere('session.regenerate');
    const { live: old, options } = this;
    const before = old.written;
    const text = this.text();
    const fresh = newLive(options);
    // A copy, not the same object: a request that came with the old id must not see what is written after signing in.
    fresh.data = options.codec.decode(text);
    fresh.written = text;
    fresh.version = old.version;
    fresh.user = old.user;
    this.endNow(old);
    this.registry.add(fresh, options.clock.now());
    if (this.former === null) {
      this.former = old;
      this.formerText = before;
    }
    this.live = fresh;
    this.telling = 'due';
  }

  async destroy(): Promise<void> {
    this.live.assertLive();
    this.endNow(this.live);
    this.telling = 'delete';
    this.tellEnd();
  }

  /** A change of id that the client has not heard of is undone, too: it must not be half signed in. */
  override fail(): void {
    super.fail();
    const { former, registry, live: fresh, options } = this;
    if (former === null || this.telling !== 'due') return;
    registry.replace(fresh);
    registry.revive(former, options.clock.now());
    // Nobody has been told of it.
    if (former.version === 0) registry.forget(former);
    former.written = this.formerText;
    this.live = former;
    this.former = null;
    this.telling = this.firstCookie();
    this.takeBack(former, former.written, 'another request of the session failed');
  }

  async save(): Promise<void> {
    this.live.assertLive();
    await this.keep();
    this.tellKept();
  }

  head(): Lines | Promise<Lines> {
    this.phase = 'sent';
    const waiting = this.keep();
    return waiting === undefined ? this.cookieLines() : waiting.then(() => this.cookieLines());
  }

  private cookieLines(): Lines {
    const { telling, live, options, secure, settings, told } = this;
    const change = { secure, settings, former: told };
    this.telling = 'none';
    if (telling === 'delete') return writeCookie(options, '', change);
    if (telling === 'due') return writeCookie(options, live.id, change);
    if (telling === 'none') {
      const isDue = live.state === 'live' && (isPersistent(settings) || !isSame(settings, told));
      return isDue ? writeCookie(options, live.id, change) : noLines;
    }
    if (live.version > 0) return writeCookie(options, live.id, change);
    this.telling = 'when-used';
    return noLines;
  }

  last(): Lines | Promise<Lines> {
    const waiting = this.keep();
    return waiting === undefined ? this.lastLines() : waiting.then(() => this.lastLines());
  }

  private lastLines(): Lines {
    if (this.telling === 'when-used' && this.live.version > 0) throw beganLate();
    return noLines;
  }

  close(sent: boolean): void {
    this.leave(sent);
  }

  /** Nothing is copied anywhere, but what another strategy would refuse is refused here too. */
  private keep(): undefined | Promise<void> {
    const { live, former, options, users } = this;
    if (former !== null && options.codec.encode(former.data) !== former.written) former.assertLive();
    if (live.state !== 'live') {
      if (options.codec.encode(live.data) !== live.written) live.assertLive();
      return undefined;
    }
    const user = userOf(live.data);
    if (user !== undefined && user !== live.user && options.limits.userSessions > 0) {
      return users.admit(user, this.ids).then(
        () => {
          this.keepNow(live);
          return users.settle(user, live.id);
        },
        (error) => this.refuseUser(error),
      );
    }
    this.keepNow(live);
    return undefined;
  }

  private keepNow(live: Live): void {
    const { options, registry } = this;
    const text = this.text();
    if (text === live.written) return;
    live.user = userOf(live.data);
    live.written = text;
    live.version++;
    registry.add(live, options.clock.now());
  }

  private refuseUser(error: SessionError): never {
    const { codec } = this.options;
    this.live.undo(this.live.written, codec, error);
    this.fail();
    this.live.undo(this.live.written, codec, error);
    throw error;
  }

  private firstCookie(): 'none' | 'when-used' {
    return this.isNew ? 'when-used' : 'none';
  }

  private endNow(live: Live): void {
    live.written = this.lastText(live);
    this.registry.end(live, this.options.clock.now());
  }
}
