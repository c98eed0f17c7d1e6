/** The session of one request: the part of its API that all strategies share, and the events that it emits. */
import { cookieSettingsOf } from './cookie.ts';
import type { SessionData } from './data/codec.ts';
import {
  type CookieSettings,
  checkCookie,
  cookieOf,
  type SessionCookieOptions,
  setCookieOf,
} from './data/cookie-settings.ts';
import { dropCsrfSecrets, isCsrfToken, makeCsrfToken } from './data/csrf.ts';
import { encodeState } from './data/encode.ts';
import { addFlash, flashName, hasFlash, takeFlashes } from './data/flash.ts';
import { setLabel, setUser, signInOf, userOf } from './data/user.ts';
import { SessionError } from './error.ts';
import type { Exchange, HeaderLines, Merge } from './exchange.ts';
import type { FilledOptions } from './filled-options.ts';
import type { LiveSession } from './live-session.ts';
import type { Reason, Session } from './session.ts';
import type { Strategy } from './strategy.ts';
import { TrackedSession } from './tracked-session.ts';

export interface OpenedAs {
  readonly reason: Reason;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

export abstract class OpenSession extends TrackedSession implements Session, Exchange {
  abstract readonly strategy: Strategy;
  abstract readonly survivesCrash: boolean;
  readonly reason: Reason;
  readonly isNew: boolean;
  /** The id that the client knows; listeners get an event when it changes. */
  private announcedId: string;

  constructor(live: LiveSession, options: FilledOptions, { reason, isNew, hasResponse }: OpenedAs) {
    super(live, options, hasResponse);
    this.announcedId = live.id;
    this.reason = reason;
    this.isNew = isNew;
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
    this.beginChanges();
    return this.live.data;
  }

  get user(): string | undefined {
    this.live.assertLive();
    return userOf(this.live.data);
  }

  set user(id: string | null | undefined) {
    setUser(this.data, id, this.options.clock.now());
  }

  get label(): string {
    this.live.assertLive();
    return signInOf(this.live.data)?.label ?? '';
  }

  set label(label: string) {
    setLabel(this.data, label);
  }

  /** All ids under which a store may have it: more than one between `regenerate` and the response that announces the new one. */
  get ids(): readonly string[] {
    return [this.id];
  }

  get<Name extends keyof SessionData>(name: Name): SessionData[Name] | undefined {
    const { live } = this;
    live.assertLive();
    const value = Object.hasOwn(live.data, name) ? live.data[name] : undefined;
    // An object can be changed by its reader, any other value cannot.
    if (typeof value === 'object' && value !== null) this.beginChanges();
    return value;
  }

  set<Name extends keyof SessionData>(name: Name, value: SessionData[Name]): void {
    if (name === '__proto__') throw new TypeError('session.set: found the name __proto__, expected another');
    this.live.assertLive();
    // Checked here, the stack of the error names the line of the app.
    this.options.codec.check({ [name]: value });
    this.data[name] = value;
  }

  delete(name: keyof SessionData): void {
    delete this.data[name];
  }

  update<T>(fn: (data: SessionData) => T | Promise<T>): Promise<T> {
    const { live } = this;
    return live.updates.run(async () => {
      live.assertLive();
      const before = this.encodeData();
      try {
        const result = await fn(this.data);
        if (live.state === 'live' && live === this.live) encodeState(live, this.options, true);
        return result;
      } catch (error) {
        this.undoTo(live, before, 'an update of the session failed');
        throw error;
      }
    });
  }

  get cookie(): SessionCookieOptions {
    return this.cookieSettings;
  }

  setCookie(options: SessionCookieOptions): void {
    this.assertHeadOpen('session.setCookie');
    const settings = checkCookie(options, this.options.clock.wall());
    const { data } = this;
    setCookieOf(data, Object.freeze({ ...cookieOf(data), ...settings }));
  }

  setCookieSettings(settings: CookieSettings): void {
    if (JSON.stringify(settings) !== JSON.stringify(cookieOf(this.live.data))) setCookieOf(this.data, settings);
  }

  protected abstract changeId(): undefined | Promise<void>;
  abstract destroy(): Promise<void>;
  abstract save(): Promise<void>;
  abstract beforeHead(): HeaderLines | Promise<HeaderLines>;
  abstract beforeEnd(canTrail: boolean): HeaderLines | Promise<HeaderLines>;

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

  setMerge(_name: string, _merge: Merge): void {}

  markHeadSent(): void {
    this.response = 'headSent';
  }

  close(isSent: boolean): void {
    if (isSent) this.emitStored();
    this.closeResponse();
  }

  /** The attributes that were set for its cookie, by the options and for this session. */
  protected get cookieSettings(): CookieSettings {
    return cookieSettingsOf(this.live, this.options);
  }

  /** More is stored of it, or sent to its client, than an id that nobody uses. */
  protected get isStored(): boolean {
    return this.live.version > 0;
  }

  /** Emits that the session began, or has another id: the client knows by now, or the store where there is no client. */
  protected emitStored(): void {
    const { live, id, isNew, announcedId, options } = this;
    const { data, state } = live;
    if (state !== 'live' || !this.isStored) return;
    if (isNew) options.events.emitOnce(live, 'created', { id, data, reason: 'new' });
    else if (id !== announcedId)
      options.events.emit('renewed', { id, former: announcedId, data, reason: 'regenerated' });
    this.announcedId = id;
  }

  protected emitDestroyed(): void {
    const { id, live, options } = this;
    options.events.emit('destroyed', { id, data: live.data, reason: 'destroyed' });
  }

  /** After the head of the response the client cannot get a new id or cookie. `what`: the method that was called. */
  protected assertHeadOpen(what: string): void {
    this.live.assertLive();
    if (this.response === 'open') return;
    throw new SessionError(
      'head-left',
      `${what}: the head of the response has left; expected it before any of it is sent`,
    );
  }
}
