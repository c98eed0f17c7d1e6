/** What an app sees of a session, and what an adapter needs of it: the same for all strategies. */
import type { Codec, SessionData } from './codec.ts';
import {
  type CookieSettings,
  checkCookie,
  cookieOf,
  type SessionCookieOptions,
  setCookieOf,
} from './cookie-settings.ts';
import { dropCsrfSecrets, isCsrfToken, makeCsrfToken } from './csrf.ts';
import { asError, SessionError } from './error.ts';
import { addFlash, flashName, hasFlash, takeFlashes } from './flash.ts';
import type { Live } from './live.ts';
import type { FilledOptions, Strategy } from './options.ts';

/** new: just begun. held: as before. rebind: its former server failed. move: it was moved here. */
export type Reason = 'new' | 'held' | 'rebind' | 'move';

export interface Session {
  readonly id: string;
  readonly strategy: Strategy;
  /** Generation of the ownership (sticky); 1 where nobody owns it. */
  readonly epoch: number;
  readonly reason: Reason;
  /** Nothing is kept of it yet. */
  readonly isNew: boolean;
  /** Destroyed, or its id was replaced: using it throws SessionError `session-ended`. */
  readonly ended: boolean;
  /** False: when this process ends the session is gone. */
  readonly survivesCrash: boolean;
  /** The state as a plain object. Change it as you like, deep changes count; do not keep it beyond the request. */
  readonly data: SessionData;
  get<Name extends keyof SessionData>(name: Name): SessionData[Name] | undefined;
  set<Name extends keyof SessionData>(name: Name, value: SessionData[Name]): void;
  delete(name: keyof SessionData): void;
  /**
   * Runs `fn` alone: no other update of this session runs meanwhile, `fn` may wait. When it throws, or leaves what cannot be
   * kept, its changes are undone. An update called within `fn` is a part of it. With strategy shared it may be run again on
   * newer data when another server was faster. Answers what `fn` answers.
   */
  update<T>(fn: (data: SessionData) => T | Promise<T>): Promise<T>;
  /** A fresh id for the same state, for signing in: whoever knew the old one has nothing. Read `data` again after it. */
  regenerate(): Promise<void>;
  /** The session is over; nothing revives it. */
  destroy(): Promise<void>;
  /** What was said of its cookie, by the options and for this session; `maxAge` in seconds. */
  readonly cookie: SessionCookieOptions;
  /**
   * Says how long the session's cookie and the session last, and who gets the cookie: from now on, also after `regenerate` and on another
   * server. Before the head of the response: SessionError `head-left` after it. TypeError for what no cookie can have.
   */
  setCookie(options: SessionCookieOptions): void;
  /** Keeps the state now, apart from any response: for WebSocket handlers and work after the response. */
  save(): Promise<void>;
  /**
   * Leaves a value to be read once, by this request or a later one; of more than 64 the oldest go. Throws SessionError
   * `not-serialisable` for what the codec cannot write.
   *
   *     session.flash('info', 'Saved');
   */
  flash(type: string, value: unknown): void;
  /**
   * The values of that type in the order in which they were left, and takes them away: by an `update`, so that of requests at
   * the same time one gets them. When the request fails they are there again, as all that it has changed.
   */
  flash(type: string): Promise<unknown[]>;
  /** A token for a form or a header, against forged requests (CSRF); another text each time, all right until `regenerate`. */
  csrfToken(): string;
  /** Whether that is a token of this session. Compares in constant time; whatever is no token is none. */
  isCsrfToken(token: unknown): boolean;
}

/** Header fields to send. */
export type Lines = readonly (readonly [name: string, value: string])[];

export const noLines: Lines = [];

/** What becomes of this request's change to one name (`mine`, since `before`) and what others have kept. Throws SessionError when it is lost. */
export type Merge = (before: unknown, mine: unknown, theirs: unknown) => unknown;

/** One request's use of its session, as an adapter drives it. Whatever throws here must reach the client as an error. */
export interface Exchange {
  readonly session: Session;
  /** The head is about to leave; what is to be sent with it. A promise: the head has to wait. */
  head(): Lines | Promise<Lines>;
  /** The last byte is about to leave, after the head. `trailers`: whether there can be any. */
  last(trailers: boolean): Lines | Promise<Lines>;
  /** Brings what others have kept since the session was opened; undefined where it is at hand anyway. */
  refresh(): undefined | Promise<void>;
  /** What `session.regenerate` does; undefined where it is done at once. Throws, or rejects with, SessionError. */
  renew(): undefined | Promise<void>;
  /** Where two requests' changes have to be merged, those to `name` are by `merge`; undefined is none. */
  mergeBy(name: string, merge: Merge): void;
  /**
   * The request has failed: its handler threw, or answers with a status of 500 or above. What it has changed and not yet
   * told is undone, unless other requests that run at the same time share it. More than once is as good as once.
   */
  fail(): void;
  /** An adapter's own cookie has these attributes, and nothing else counts. Also after the head: then from the next one on. */
  shapeCookie(settings: CookieSettings): void;
  /** The head had left already when the session was opened. */
  late(): void;
  /** The response is over; `sent`: wholly handed to the network. */
  close(sent: boolean): void;
}

/** What a request tells of itself; each adapter fills it in. */
export interface Incoming {
  header(name: string): string | undefined;
  /** Address of the peer; '' for a unix-domain socket; null when it is not known. */
  readonly peer: string | null;
  readonly tls: boolean;
}

/** Opens the session of a request; at once where nothing has to be asked. */
export interface Opener {
  open(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange>;
  close(): Promise<void>;
}

/** The part that all strategies share. */
export abstract class OpenSession implements Session, Exchange {
  abstract readonly strategy: Strategy;
  abstract readonly survivesCrash: boolean;
  readonly reason: Reason;
  readonly isNew: boolean;
  protected live: Live;
  protected readonly options: FilledOptions;
  /** open: the head has not left. sent: it has. none: there is no response. over: nothing more can be sent. */
  protected phase: 'open' | 'sent' | 'none' | 'over';
  /** `live.undone` when this request could first have changed the data since it was last written; -1: it cannot have. */
  private touchedAt = -1;
  /** It is among `live.writers`. */
  private isWriter = false;

  constructor(live: Live, options: FilledOptions, how: { reason: Reason; isNew: boolean; hasResponse: boolean }) {
    this.live = live;
    this.options = options;
    this.reason = how.reason;
    this.isNew = how.isNew;
    this.phase = how.hasResponse ? 'open' : 'none';
  }

  get session(): Session {
    return this;
  }

  get id(): string {
    return this.live.id;
  }

  get epoch(): number {
    return this.live.epoch;
  }

  get ended(): boolean {
    return this.live.state === 'ended';
  }

  get data(): SessionData {
    this.live.assertLive();
    this.touch();
    return this.live.data;
  }

  get<Name extends keyof SessionData>(name: Name): SessionData[Name] | undefined {
    const { live } = this;
    live.assertLive();
    const value = Object.hasOwn(live.data, name) ? live.data[name] : undefined;
    // An object can be changed by whoever has it, anything else cannot.
    if (typeof value === 'object' && value !== null) this.touch();
    return value;
  }

  set<Name extends keyof SessionData>(name: Name, value: SessionData[Name]): void {
    if (name === '__proto__') throw new TypeError('session.set: found the name __proto__, expected another');
    this.live.assertLive();
    // Here the app still knows which line it was.
    this.options.codec.check({ [name]: value });
    this.data[name] = value;
  }

  delete(name: keyof SessionData): void {
    delete this.data[name];
  }

  update<T>(fn: (data: SessionData) => T | Promise<T>): Promise<T> {
    const { live } = this;
    return live.inTurn(async () => {
      live.assertLive();
      const before = this.text();
      try {
        const answer = await fn(this.data);
        if (live.state === 'live' && live === this.live) encode(live, this.options, true);
        return answer;
      } catch (error) {
        this.takeBack(live, before, 'an update of the session failed');
        throw error;
      }
    });
  }

  get cookie(): SessionCookieOptions {
    return this.settings;
  }

  setCookie(options: SessionCookieOptions): void {
    this.assertHeadHere('session.setCookie');
    const settings = checkCookie(options, this.options.clock.wall());
    const { data } = this;
    setCookieOf(data, Object.freeze({ ...cookieOf(data), ...settings }));
  }

  shapeCookie(settings: CookieSettings): void {
    if (JSON.stringify(settings) !== JSON.stringify(cookieOf(this.live.data))) setCookieOf(this.data, settings);
  }

  protected abstract changeId(): undefined | Promise<void>;
  abstract destroy(): Promise<void>;
  abstract save(): Promise<void>;
  abstract head(): Lines | Promise<Lines>;
  abstract last(trailers: boolean): Lines | Promise<Lines>;
  abstract close(sent: boolean): void;

  async regenerate(): Promise<void> {
    await this.renew();
  }

  renew(): undefined | Promise<void> {
    const changing = this.changeId();
    dropCsrfSecrets(this.data);
    return changing;
  }

  flash(type: string, value: unknown): void;
  flash(type: string): Promise<unknown[]>;
  flash(type: string, ...values: unknown[]): undefined | Promise<unknown[]> {
    const { live } = this;
    live.assertLive();
    if (values.length === 0) {
      return hasFlash(live.data, type) ? this.update((data) => takeFlashes(data, type)) : Promise.resolve([]);
    }
    this.options.codec.check({ [flashName]: values });
    addFlash(this.data, type, values[0]);
    return undefined;
  }

  csrfToken(): string {
    return makeCsrfToken(this.data, this.options.random);
  }

  isCsrfToken(token: unknown): boolean {
    this.live.assertLive();
    return isCsrfToken(this.live.data, token);
  }

  refresh(): undefined | Promise<void> {
    return undefined;
  }

  mergeBy(_name: string, _merge: Merge): void {}

  fail(): void {
    const isTouched = this.touchedAt >= 0;
    this.settle();
    if (isTouched) this.takeBack(this.live, this.live.written, 'another request of the session failed');
  }

  late(): void {
    this.phase = 'sent';
  }

  /**
   * The text of the data, to be written. What cannot be kept is undone first: else it would be in the way of every later
   * request. Throws SessionError, and also when what this request has changed was undone with what another one did.
   */
  protected text(): string {
    const { live, options, touchedAt } = this;
    const { undoneBy } = live;
    if (touchedAt >= 0 && touchedAt !== live.undone && undoneBy !== null) {
      this.fail();
      throw undoneBy;
    }
    this.settle();
    try {
      return encode(live, options, touchedAt >= 0);
    } catch (error) {
      const why = asSessionError(error);
      live.undo(live.written, options.codec, why);
      // Who made it is told; this one cannot have.
      if (touchedAt < 0) return live.written;
      throw why;
    }
  }

  /** The same of a session that is over: what of it cannot be kept does not matter any more. */
  protected lastText(live: Live): string {
    try {
      return this.options.codec.encode(live.data);
    } catch (error) {
      live.undo(live.written, this.options.codec, asSessionError(error));
      return live.written;
    }
  }

  /** The response is over: this request does not hold others up any more. What it has changed may still be undone. */
  protected leave(): void {
    this.phase = 'over';
    if (this.isWriter) this.live.writers--;
    this.isWriter = false;
  }

  /** Back to `text`. What other requests in flight may have changed as well stays, as long as it can be kept. */
  protected takeBack(live: Live, text: string, why: string): void {
    if (live.state !== 'live') return;
    const { codec } = this.options;
    let isKeepable = true;
    try {
      if (encode(live, this.options, true) === text) return;
    } catch {
      isKeepable = false;
    }
    if (isKeepable && live.writers > (this.isWriter && live === this.live ? 1 : 0)) return;
    const message = `${why}, and what was not kept yet was undone with it; try again`;
    live.undo(text, codec, new SessionError('session-conflict', message));
    if (this.touchedAt >= 0) this.touchedAt = live.undone;
  }

  /** From now on this request may have changed the data. */
  private touch(): void {
    if (this.touchedAt >= 0) return;
    const { live } = this;
    this.touchedAt = live.undone;
    // One without a response has no end at which it would be through.
    this.isWriter = this.phase === 'open' || this.phase === 'sent';
    if (this.isWriter) live.writers++;
  }

  /** What this request has changed so far is written, or undone. */
  private settle(): void {
    this.touchedAt = -1;
    if (this.isWriter) this.live.writers--;
    this.isWriter = false;
  }

  /** What holds for its cookie. */
  protected get settings(): CookieSettings {
    const own = cookieOf(this.live.data);
    const { cookieSaid } = this.options;
    return Object.keys(own).length === 0 ? cookieSaid : { ...cookieSaid, ...own };
  }

  /** Only before the head can the client be told of a new id. */
  protected assertHeadHere(what: string): void {
    this.live.assertLive();
    if (this.phase === 'open') return;
    throw new SessionError(
      'head-left',
      `${what}: the head of the response has left; expected it before any of it is sent`,
    );
  }

  protected newId(): string {
    return Buffer.from(this.options.random(16)).toString('hex');
  }
}

function asSessionError(thrown: unknown): SessionError {
  if (thrown instanceof SessionError) return thrown;
  return new SessionError('not-serialisable', `session.data cannot be written: ${asError(thrown).message}`, {
    cause: thrown,
  });
}

/**
 * The text of the data; its size and its values are checked when it has changed. `isTouched`: the values in any case, for
 * some change nothing in the text (undefined).
 */
function encode(live: Live, { codec, limits, onWarning }: FilledOptions, isTouched: boolean): string {
  const text = codec.encode(live.data);
  const isChanged = text !== live.written;
  if (isChanged || isTouched) codec.check(live.data);
  if (!isChanged) return text;
  const size = Buffer.byteLength(text);
  if (size > limits.bytes) {
    throw new SessionError(
      'state-too-large',
      `the session's state has ${size} bytes; expected at most ${limits.bytes}. ${largest(live.data, codec)}`,
    );
  }
  if (size >= limits.warnBytes && !live.warned) {
    live.warned = true;
    onWarning({ code: 'state-large', message: `a session's state has ${size} bytes. ${largest(live.data, codec)}` });
  }
  return text;
}

function largest(data: SessionData, codec: Codec): string {
  const sizes = Object.keys(data).map((name) => [name, codec.encode({ [name]: data[name] }).length] as const);
  const [most] = sizes.sort((a, b) => b[1] - a[1]);
  return most === undefined ? '' : `The largest part is ${JSON.stringify(most[0])} with ${most[1]} characters.`;
}
