/**
 * Strategy stateless: the whole session is an encrypted token in the client's cookie (JWE, `dir` with A256GCM). No server
 * keeps anything, so nothing can be taken back either: a copied cookie works until it expires, of two requests at the same time
 * the later response wins, and logging out a user everywhere needs `minimumVersion`. Needs the package jose.
 */
import { isSecure, readCookies, storedMsOf } from '../cookie.ts';
import type { SessionDirectory } from '../directory.ts';
import type { Exchange, IncomingRequest, SessionProvider } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { newLiveSession } from '../new-session.ts';
import { type Claims, KeyRing } from './key-ring.ts';
import { StatelessSession } from './stateless-session.ts';

/** A JWE in compact form, without an encrypted key in it (`dir`). */
const tokenShape = /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/;

/** Clocks always differ a little: a date that is not further ahead is left as it is. */
const toleratedSkewMs = 60_000;

export class StatelessSessions implements SessionProvider {
  readonly directory: SessionDirectory = {
    read: refuseLookup,
    end: refuseLookup,
    ofUser: refuseLookup,
    all: refuseList,
  };
  readonly find = refuseLookup;
  private readonly options: FilledOptions;
  private readonly ring: KeyRing;
  private hasWarnedOfClock = false;

  constructor(options: FilledOptions) {
    this.options = options;
    this.ring = new KeyRing(options.secrets);
  }

  async open(incoming: IncomingRequest, hasResponse: boolean): Promise<Exchange> {
    const { options, ring } = this;
    const context = { options, ring, secure: isSecure(incoming), hasResponse };
    for (const token of readCookies(incoming, options.cookie.name, tokenShape)) {
      const live = await this.read(token);
      if (live !== null) return new StatelessSession(live, { ...context, isNew: false });
    }
    const live = newLiveSession(options, options.clock.now());
    return new StatelessSession(live, { ...context, isNew: true });
  }

  async close(): Promise<void> {}

  /** null: the token is not valid, has expired, or its user was logged out. */
  private async read(token: string): Promise<LiveSession | null> {
    const { options } = this;
    const now = options.clock.now();
    const found = await this.ring.open(token);
    const claims = this.withValidDates(found, now);
    if (claims === null || (options.absoluteMs > 0 && now - claims.born > options.absoluteMs)) return null;
    const live = newLiveSession(options, claims.born);
    live.data = options.codec.decode(claims.data);
    if (now - claims.seen > storedMsOf(options, live)) return null;
    live.encoded = claims.data;
    live.version = claims.version;
    // A token whose dates were corrected is written anew with this response.
    live.lastPutAt = claims === found ? claims.seen : Number.NEGATIVE_INFINITY;
    const user = options.user(live.data);
    return user !== undefined && claims.version < (await options.minimumVersion(user)) ? null : live;
  }

  /**
   * A token from a server whose clock is ahead is dated now. From too far ahead it counts as none (null): it would outlive every
   * idle time.
   */
  private withValidDates(claims: Claims | null, now: number): Claims | null {
    if (claims === null) return null;
    const aheadMs = Math.max(claims.born, claims.seen) - now;
    if (aheadMs <= toleratedSkewMs) return claims;
    if (!this.hasWarnedOfClock) {
      this.hasWarnedOfClock = true;
      const message = `a token is dated ${Math.round(aheadMs / 1000)} s ahead of this machine's clock: set the clocks of all servers`;
      this.options.onWarning({ code: 'clock-differs', message });
    }
    if (aheadMs > this.options.clockSkewMs) return null;
    return { ...claims, born: Math.min(claims.born, now), seen: Math.min(claims.seen, now) };
  }
}

async function refuseLookup(): Promise<never> {
  throw new TypeError(
    'strategy stateless: found a question for sessions outside of their requests, which no server has; expected another strategy, or the options user and minimumVersion to log a user out everywhere',
  );
}

async function* refuseList(): AsyncGenerator<never> {
  yield await refuseLookup();
}
