/** One request's use of a stateless session: what has changed goes back to the client as a new token, with the head. */
import { idleMsOf, storedMsOf, writeCookie } from '../cookie.ts';
import type { CookieSettings } from '../data/cookie-settings.ts';
import { encodeEnded } from '../data/encode.ts';
import { SessionError } from '../error.ts';
import { type HeaderLines, noHeaderLines } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import type { KeyRing } from './key-ring.ts';

/** Browsers silently drop a cookie above this size: name, value and attributes together (RFC 6265 section 6.1). */
const maxCookieBytes = 4096;

interface StatelessContext {
  readonly options: FilledOptions;
  readonly ring: KeyRing;
  /** The client speaks TLS. */
  readonly secure: boolean;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

export class StatelessSession extends OpenSession {
  readonly strategy = 'stateless';
  readonly survivesCrash = true;
  private readonly ring: KeyRing;
  private readonly secure: boolean;
  private isDestroyed = false;
  /** Its client gets a token of it. */
  private isSealed = false;
  /** The settings of the cookie that the client sent; null: it sent none. */
  private readonly clientCookie: CookieSettings | null;
  /** The user of the token that was read; undefined: none. */
  private readonly userAtOpen: string | undefined;
  /** The minimum version of the user when `regenerate` was called; -1: it was not. */
  private versionAtLogin = -1;

  constructor(live: LiveSession, { options, ring, secure, isNew, hasResponse }: StatelessContext) {
    super(live, options, { reason: isNew ? 'new' : 'held', isNew, hasResponse });
    this.ring = ring;
    this.secure = secure;
    this.clientCookie = isNew ? null : this.cookieSettings;
    this.userAtOpen = isNew ? undefined : options.user(live.data);
  }

  /** No id could be fixed beforehand, because each token is a new secret. But the minimum version of its user is read anew. */
  protected async changeId(): Promise<void> {
    this.assertHeadOpen('session.regenerate');
    const user = this.options.user(this.live.data);
    if (user !== undefined) this.versionAtLogin = await this.options.minimumVersion(user);
  }

  /** The client forgets its token. Whoever has copied the token still has it: raise the user's `minimumVersion`. */
  async destroy(): Promise<void> {
    this.assertHeadOpen('session.destroy');
    this.isDestroyed = true;
    this.live.encoded = encodeEnded(this.live, this.options);
    this.live.state = 'ended';
  }

  async save(): Promise<void> {
    const encoded = this.encodeData();
    if (this.response !== 'open' && encoded !== this.live.encoded) throw changedAfterHead();
  }

  beforeHead(): HeaderLines | Promise<HeaderLines> {
    this.response = 'headSent';
    const { live, options, secure, cookieSettings: settings, clientCookie: previous } = this;
    if (this.isDestroyed) {
      this.emitDestroyed();
      return writeCookie(options, '', { secure, settings, previous });
    }
    const encoded = this.encodeData();
    const isDue = !this.isNew && options.clock.now() - live.lastPutAt > idleMsOf(options, live) / 4;
    return encoded === live.encoded && !isDue ? noHeaderLines : this.seal(encoded);
  }

  override fail(): void {
    super.fail();
    // Also what `save` has encoded: nothing is stored until the head.
    this.undoTo(this.live, this.live.encoded, 'the request failed');
  }

  beforeEnd(): HeaderLines {
    const { live, options } = this;
    const encoded = this.isDestroyed ? encodeEnded(live, options) : this.encodeData();
    if (encoded !== live.encoded) throw changedAfterHead();
    return noHeaderLines;
  }

  protected override get isStored(): boolean {
    return this.isSealed;
  }

  private async seal(encoded: string): Promise<HeaderLines> {
    const { live, options, ring, secure, cookieSettings: settings, clientCookie: previous } = this;
    live.encoded = encoded;
    this.isSealed = true;
    const version = await this.tokenVersion();
    const token = await ring.seal({ data: encoded, born: live.createdAt, seen: options.clock.now(), version });
    const slackSeconds = Math.ceil((storedMsOf(options, live) - idleMsOf(options, live)) / 1000);
    const lines = writeCookie(options, token, { secure, settings, previous, slackSeconds });
    const bytes = Math.max(...lines.map(([, value]) => Buffer.byteLength(value)));
    if (bytes <= maxCookieBytes) return lines;
    throw new SessionError(
      'cookie-too-large',
      `the session's cookie has ${bytes} bytes; expected at most ${maxCookieBytes}, which is what browsers keep. The state has ${Buffer.byteLength(encoded)}`,
    );
  }

  /**
   * The version that was read, whatever else has changed: an open request whose user is logged out everywhere must not end with a
   * token that is valid again. Only a login gets the version of now.
   */
  private async tokenVersion(): Promise<number> {
    const { live, options, userAtOpen, versionAtLogin } = this;
    const user = options.user(live.data);
    if (user !== undefined && user !== userAtOpen) return options.minimumVersion(user);
    return versionAtLogin >= 0 && user !== undefined ? versionAtLogin : live.version;
  }
}

function changedAfterHead(): SessionError {
  return new SessionError(
    'head-left',
    'the session was changed after the head; expected before it: it travels in a cookie',
  );
}
