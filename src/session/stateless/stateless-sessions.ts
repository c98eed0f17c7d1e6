/**
 * Strategy stateless: the whole session is an encrypted token in the client's cookie (JWE, `dir` with A256GCM). No server
 * keeps anything, so nothing can be taken back either: a copied cookie works until it expires, two requests at once
 * leave what the later answer says, and logging out a user everywhere needs `minimumVersion`. Needs the package jose.
 */
import { isSecure, keptFor, readCookies } from '../cookie.ts';
import type { Directory } from '../directory.ts';
import type { Exchange, Incoming, Opener } from '../exchange.ts';
import { Live } from '../live-session.ts';
import type { FilledOptions } from '../options.ts';
import { type Claims, KeyRing } from './key-ring.ts';
import { StatelessSession } from './stateless-session.ts';

/** A JWE in compact form whose key is not in it (`dir`). */
const tokenShape = /^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/;

/** Clocks always differ a little: up to here (ms) a date in the future is left as it is. */
const near = 60_000;

export class StatelessSessions implements Opener {
  readonly directory: Directory = { read: keepsNothing, end: keepsNothing, ofUser: keepsNothing, all: keepsNone };
  /** Of an id alone there is nothing. */
  readonly find = keepsNothing;
  private readonly options: FilledOptions;
  private readonly ring: KeyRing;
  private toldOfClock = false;

  constructor(options: FilledOptions) {
    this.options = options;
    this.ring = new KeyRing(options.secrets);
  }

  async open(incoming: Incoming, hasResponse: boolean): Promise<Exchange> {
    const { options, ring } = this;
    const how = { options, ring, secure: isSecure(incoming), hasResponse };
    for (const token of readCookies(incoming, options.cookie.name, tokenShape)) {
      const live = await this.read(token);
      if (live !== null) return new StatelessSession(live, { ...how, isNew: false });
    }
    return new StatelessSession(this.made(options.clock.now()), { ...how, isNew: true });
  }

  async close(): Promise<void> {}

  /** null: no token of ours, expired, or its user was logged out. */
  private async read(token: string): Promise<Live | null> {
    const { clock, absolute, codec, user, minimumVersion } = this.options;
    const now = clock.now();
    const found = await this.ring.open(token);
    const claims = this.redated(found, now);
    if (claims === null || (absolute > 0 && now - claims.born > absolute)) return null;
    const live = this.made(claims.born);
    live.data = codec.decode(claims.data);
    if (now - claims.seen > keptFor(this.options, live)) return null;
    live.written = claims.data;
    live.version = claims.version;
    // Dated anew with this response.
    live.putAt = claims === found ? claims.seen : Number.NEGATIVE_INFINITY;
    const name = user(live.data);
    return name !== undefined && claims.version < (await minimumVersion(name)) ? null : live;
  }

  /** A token from a clock that is ahead counts as of now, and is dated anew; from too far ahead it would outlive every idle time. */
  private redated(claims: Claims | null, now: number): Claims | null {
    if (claims === null) return null;
    const ahead = Math.max(claims.born, claims.seen) - now;
    if (ahead <= near) return claims;
    if (!this.toldOfClock) {
      this.toldOfClock = true;
      const message = `a token is dated ${Math.round(ahead / 1000)} s ahead of this machine's clock: set the clocks of all servers`;
      this.options.onWarning({ code: 'clock-differs', message });
    }
    if (ahead > this.options.clockSkew) return null;
    return { ...claims, born: Math.min(claims.born, now), seen: Math.min(claims.seen, now) };
  }

  private made(born: number): Live {
    const data = {};
    const id = Buffer.from(this.options.random(16)).toString('hex');
    return new Live({ id, epoch: 1, copy: '', data, written: this.options.codec.encode(data), now: born });
  }
}

async function keepsNothing(): Promise<never> {
  throw new TypeError(
    'strategy stateless: found a question for sessions outside of their requests, which no server has; expected another strategy, or the options user and minimumVersion to log a user out everywhere',
  );
}

async function* keepsNone(): AsyncGenerator<never> {
  yield await keepsNothing();
}
