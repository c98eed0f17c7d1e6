/** One request's use of a stateless session: what has changed goes back to the client as a new token, with the head. */
import { idleOf, keptFor, writeCookie } from '../cookie.ts';
import type { CookieSettings } from '../data/cookie-settings.ts';
import { SessionError } from '../error.ts';
import { type Lines, noLines } from '../exchange.ts';
import type { Live } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import type { FilledOptions } from '../options.ts';
import type { KeyRing } from './key-ring.ts';

/** Browsers drop a cookie above this size, name, value and attributes together, without a word (RFC 6265 section 6.1). */
const cookieBytes = 4096;

interface StatelessHow {
  readonly options: FilledOptions;
  readonly ring: KeyRing;
  readonly secure: boolean;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

export class StatelessSession extends OpenSession {
  readonly strategy = 'stateless';
  readonly survivesCrash = true;
  private readonly ring: KeyRing;
  private readonly secure: boolean;
  private destroyed = false;
  /** Its client gets a token of it. */
  private isSealed = false;
  /** What was said of the cookie that the client came with; null: it came with none. */
  private readonly told: CookieSettings | null;
  /** Whose session it was when it was read; undefined nobody's. */
  private readonly userRead: string | undefined;
  /** Of its user, when somebody signed in anew; -1: nobody did. */
  private signedIn = -1;

  constructor(live: Live, how: StatelessHow) {
    super(live, how.options, { reason: how.isNew ? 'new' : 'held', isNew: how.isNew, hasResponse: how.hasResponse });
    this.ring = how.ring;
    this.secure = how.secure;
    this.told = how.isNew ? null : this.settings;
    this.userRead = how.isNew ? undefined : how.options.user(live.data);
  }

  /** There is no id that could be fixed beforehand: each token is a new secret. But its user's minimum version counts anew. */
  protected async changeId(): Promise<void> {
    this.assertHeadHere('session.regenerate');
    const name = this.options.user(this.live.data);
    if (name !== undefined) this.signedIn = await this.options.minimumVersion(name);
  }

  /** The client forgets its token. Whoever has copied it still has it: raise the user's `minimumVersion`. */
  async destroy(): Promise<void> {
    this.assertHeadHere('session.destroy');
    this.destroyed = true;
    this.live.written = this.lastText(this.live);
    this.live.state = 'ended';
  }

  async save(): Promise<void> {
    const text = this.text();
    if (this.phase !== 'open' && text !== this.live.written) throw this.tooLate();
  }

  head(): Lines | Promise<Lines> {
    this.phase = 'sent';
    const { live, options, secure, settings, told } = this;
    if (this.destroyed) {
      this.tellEnd();
      return writeCookie(options, '', { secure, settings, former: told });
    }
    const text = this.text();
    const due = !this.isNew && options.clock.now() - live.putAt > idleOf(options, live) / 4;
    return text === live.written && !due ? noLines : this.seal(text);
  }

  override fail(): void {
    super.fail();
    // Also what save() has looked at: until the head nothing is kept.
    this.takeBack(this.live, this.live.written, 'the request failed');
  }

  last(): Lines {
    if (!this.destroyed && this.text() !== this.live.written) throw this.tooLate();
    if (this.destroyed && this.lastText(this.live) !== this.live.written) throw this.tooLate();
    return noLines;
  }

  close(sent: boolean): void {
    this.leave(sent);
  }

  protected override get isKept(): boolean {
    return this.isSealed;
  }

  private async seal(text: string): Promise<Lines> {
    const { live, options, ring, secure, settings, told } = this;
    live.written = text;
    this.isSealed = true;
    const version = await this.version();
    const token = await ring.seal({ data: text, born: live.born, seen: options.clock.now(), version });
    const slack = Math.ceil((keptFor(options, live) - idleOf(options, live)) / 1000);
    const lines = writeCookie(options, token, { secure, settings, former: told, slack });
    const size = Math.max(...lines.map(([, value]) => Buffer.byteLength(value)));
    if (size <= cookieBytes) return lines;
    throw new SessionError(
      'cookie-too-large',
      `the session's cookie has ${size} bytes; expected at most ${cookieBytes}, which is what browsers keep. The state has ${Buffer.byteLength(text)}`,
    );
  }

  /**
   * The one that was read, whatever else has changed: a request in flight while its user is logged out everywhere must not
   * come out with a token that is valid again. Only signing in makes a new one.
   */
  private async version(): Promise<number> {
    const { live, options, userRead, signedIn } = this;
    const name = options.user(live.data);
    if (name !== undefined && name !== userRead) return options.minimumVersion(name);
    return signedIn >= 0 && name !== undefined ? signedIn : live.version;
  }

  private tooLate(): SessionError {
    return new SessionError(
      'head-left',
      'the session was changed after the head; expected before it: it travels in a cookie',
    );
  }
}
