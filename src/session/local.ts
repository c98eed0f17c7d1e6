/**
 * Strategy local: the session lives in this process's memory and nowhere else, as with the classic sticky session.
 * When the process ends, or the memory is full, it is gone; `survivesCrash` says so.
 */
import { idleOf, idShape, isPersistent, isSecure, readCookies, writeCookie } from './cookie.ts';
import { type CookieSettings, isSame } from './cookie-settings.ts';
import { beganLate } from './error.ts';
import { Live } from './live.ts';
import type { FilledOptions } from './options.ts';
import { Registry } from './registry.ts';
import { type Exchange, type Incoming, type Lines, noLines, type Opener, OpenSession } from './session.ts';

export class LocalSessions implements Opener {
  private readonly options: FilledOptions;
  private readonly registry: Registry;

  constructor(options: FilledOptions) {
    this.options = options;
    this.registry = new Registry(options.limits.sessions, (live) => idleOf(options, live));
  }

  open(incoming: Incoming, hasResponse: boolean): Exchange {
    const { options, registry } = this;
    const now = options.clock.now();
    const secure = isSecure(incoming);
    // Also for clients without a cookie: they may be all that come.
    registry.sweep(now);
    for (const id of readCookies(incoming, options.cookie.name, idShape)) {
      const live = registry.find(id, now, this.isOver);
      if (live === undefined) continue;
      return new LocalSession(live, { options, registry, secure, isNew: false, hasResponse });
    }
    // An id that we did not give out is never adopted (fixation).
    return new LocalSession(newLive(options), { options, registry, secure, isNew: true, hasResponse });
  }

  async close(): Promise<void> {}

  /** Sessions in memory. */
  get size(): number {
    return this.registry.size;
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
  readonly secure: boolean;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

class LocalSession extends OpenSession {
  readonly strategy = 'local';
  readonly survivesCrash = false;
  private readonly registry: Registry;
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
    this.keep();
  }

  head(): Lines {
    this.phase = 'sent';
    this.keep();
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

  last(): Lines {
    this.keep();
    if (this.telling === 'when-used' && this.live.version > 0) throw beganLate();
    return noLines;
  }

  close(): void {
    this.leave();
  }

  /** Nothing is copied anywhere, but what another strategy would refuse is refused here too. */
  private keep(): void {
    const { live, former, options, registry } = this;
    if (former !== null && options.codec.encode(former.data) !== former.written) former.assertLive();
    if (live.state !== 'live') {
      if (options.codec.encode(live.data) !== live.written) live.assertLive();
      return;
    }
    const text = this.text();
    if (text === live.written) return;
    live.written = text;
    live.version++;
    registry.add(live, options.clock.now());
  }

  private firstCookie(): 'none' | 'when-used' {
    return this.isNew ? 'when-used' : 'none';
  }

  private endNow(live: Live): void {
    live.written = this.lastText(live);
    this.registry.end(live, this.options.clock.now());
  }
}
