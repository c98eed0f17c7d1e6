/** The part of a session that all strategies share: its data, what of it may be undone, and what is told of it. */
import type { SessionData } from './data/codec.ts';
import {
  type CookieSettings,
  checkCookie,
  cookieOf,
  noSettings,
  type SessionCookieOptions,
  setCookieOf,
} from './data/cookie-settings.ts';
import { dropCsrfSecrets, isCsrfToken, makeCsrfToken } from './data/csrf.ts';
import { asSessionError, encode } from './data/encode.ts';
import { addFlash, flashName, hasFlash, takeFlashes } from './data/flash.ts';
import { markOf, setLabel, signIn, userOf } from './data/user.ts';
import { SessionError } from './error.ts';
import type { Exchange, Lines, Merge } from './exchange.ts';
import type { Live } from './live-session.ts';
import type { FilledOptions } from './options.ts';
import type { Reason, Session } from './session.ts';
import type { Strategy } from './strategy.ts';

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
  /** With which this request has come; whoever listens is told when it changes. */
  private idTold: string;

  constructor(live: Live, options: FilledOptions, how: { reason: Reason; isNew: boolean; hasResponse: boolean }) {
    this.live = live;
    this.options = options;
    this.idTold = live.id;
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

  get user(): string | undefined {
    this.live.assertLive();
    return userOf(this.live.data);
  }

  set user(id: string | null | undefined) {
    signIn(this.data, id, this.options.clock.now());
  }

  get label(): string {
    this.live.assertLive();
    return markOf(this.live.data)?.label ?? '';
  }

  set label(label: string) {
    setLabel(this.data, label);
  }

  /** All ids under which a store may know it: more than one between `regenerate` and the response that tells of it. */
  get ids(): readonly string[] {
    return [this.id];
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

  /**
   * The response is over: this request does not hold others up any more. What it has changed may still be undone. `sent`: as
   * for `close`.
   */
  protected leave(sent: boolean): void {
    if (sent) this.tellKept();
    this.phase = 'over';
    if (this.isWriter) this.live.writers--;
    this.isWriter = false;
  }

  /** What the client has now been told of it, or the store where there is no client: that it began, or has another id. */
  protected tellKept(): void {
    const { live, id, isNew, idTold, options } = this;
    const { data, state } = live;
    if (state !== 'live' || !this.isKept) return;
    if (isNew) options.events.emitOnce(live, 'created', { id, data, reason: 'new' });
    else if (id !== idTold) options.events.emit('renewed', { id, former: idTold, data, reason: 'regenerated' });
    this.idTold = id;
  }

  /** It is more than an id that nobody knows. */
  protected get isKept(): boolean {
    return this.live.version > 0;
  }

  protected tellEnd(): void {
    const { id, live, options } = this;
    options.events.emit('destroyed', { id, data: live.data, reason: 'destroyed' });
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
    if (own === noSettings) return cookieSaid;
    return cookieSaid === noSettings ? own : { ...cookieSaid, ...own };
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
