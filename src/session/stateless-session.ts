/** One request's use of a stateless session: what has changed goes back to the client as a new token, with the head. */
import { writeCookie } from './cookie.ts';
import { SessionError } from './error.ts';
import type { Live } from './live.ts';
import type { FilledOptions } from './options.ts';
import { encode, type Lines, noLines, OpenSession } from './session.ts';
import type { KeyRing } from './stateless.ts';

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

  constructor(live: Live, how: StatelessHow) {
    super(live, how.options, { reason: how.isNew ? 'new' : 'held', isNew: how.isNew, hasResponse: how.hasResponse });
    this.ring = how.ring;
    this.secure = how.secure;
  }

  /** There is no id that could be fixed beforehand: each token is a new secret. */
  async regenerate(): Promise<void> {
    this.assertHeadHere('session.regenerate');
  }

  /** The client forgets its token. Whoever has copied it still has it: raise the user's `minimumVersion`. */
  async destroy(): Promise<void> {
    this.assertHeadHere('session.destroy');
    this.destroyed = true;
    this.live.written = this.options.codec.encode(this.live.data);
    this.live.state = 'ended';
  }

  async save(): Promise<void> {
    if (encode(this.live, this.options) !== this.live.written && this.phase !== 'open') throw this.tooLate();
  }

  head(): Lines | Promise<Lines> {
    this.phase = 'sent';
    const { live, options, secure } = this;
    if (this.destroyed) return writeCookie(options, '', secure);
    const text = encode(live, options);
    const due = !this.isNew && options.clock.now() - live.putAt > options.idle / 4;
    return text === live.written && !due ? noLines : this.seal(text);
  }

  last(): Lines {
    if (this.options.codec.encode(this.live.data) !== this.live.written) throw this.tooLate();
    return noLines;
  }

  close(): void {
    this.phase = 'over';
  }

  private async seal(text: string): Promise<Lines> {
    const { live, options, ring, secure } = this;
    const name = options.user(live.data);
    const changed = text !== live.written;
    live.written = text;
    // A renewed token stays as old as it was; signing in makes a new one.
    const version = name === undefined || !changed ? live.version : await options.minimumVersion(name);
    const token = await ring.seal({ data: text, born: live.born, seen: options.clock.now(), version });
    const lines = writeCookie(options, token, secure);
    const size = Buffer.byteLength(lines[0]?.[1] ?? '');
    if (size <= cookieBytes) return lines;
    throw new SessionError(
      'cookie-too-large',
      `the session's cookie has ${size} bytes; expected at most ${cookieBytes}, which is what browsers keep. The state has ${Buffer.byteLength(text)}`,
    );
  }

  private tooLate(): SessionError {
    return new SessionError(
      'head-left',
      'the session was changed after the head; expected before it: it travels in a cookie',
    );
  }
}
