/** One request's use of a shared session: read before, merged with what others wrote meanwhile, written after. */

import { idleOf, isPersistent, writeCookie } from '../cookie.ts';
import type { SessionData } from '../data/codec.ts';
import { type CookieSettings, cookieOf, isSame, setCookieOf } from '../data/cookie-settings.ts';
import { csrfName, dropCsrfSecrets, mergeCsrfSecrets } from '../data/csrf.ts';
import { flashName, mergeFlashes } from '../data/flash.ts';
import { userOf } from '../data/user.ts';
import { beganLate, SessionError } from '../error.ts';
import { type Lines, type Merge, noLines } from '../exchange.ts';
import type { Live } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import type { FilledOptions } from '../options.ts';
import type { UserSessions } from '../user-sessions.ts';
import type { SharedStore } from './shared-store.ts';

/** Each round somebody else has won, so this many writers at once can all get through. */
const rounds = 256;

interface SharedHow {
  readonly options: FilledOptions;
  readonly store: SharedStore;
  readonly users: UserSessions;
  readonly secure: boolean;
  readonly isNew: boolean;
  readonly hasResponse: boolean;
}

export class SharedSession extends OpenSession {
  readonly strategy = 'shared';
  readonly survivesCrash: boolean;
  private readonly store: SharedStore;
  private readonly users: UserSessions;
  private readonly secure: boolean;
  /** The id under which the session goes on after `regenerate`; '' the same. */
  private next = '';
  private telling: 'none' | 'when-kept' | 'delete';
  /** What was said of the cookie that the client came with; null: it came with none. */
  private readonly told: CookieSettings | null;
  private readonly merges = new Map<string, Merge>([
    [flashName, mergeFlashes],
    [csrfName, (_before, mine, theirs) => mergeCsrfSecrets(mine, theirs)],
  ]);
  /** What of it asks the store, one after the other: each counts versions from what the one before has left. */
  private tail: Promise<unknown> = Promise.resolve();

  constructor(live: Live, how: SharedHow) {
    super(live, how.options, { reason: how.isNew ? 'new' : 'held', isNew: how.isNew, hasResponse: how.hasResponse });
    this.store = how.store;
    this.users = how.users;
    this.survivesCrash = how.store.survivesCrash;
    this.secure = how.secure;
    this.telling = how.isNew ? 'when-kept' : 'none';
    this.told = how.isNew ? null : this.settings;
  }

  override mergeBy(name: string, merge: Merge): void {
    this.merges.set(name, merge);
  }

  override refresh(): Promise<void> {
    return this.alone(async () => {
      this.live.assertLive();
      if (this.live.version > 0) await this.merge();
    });
  }

  override get id(): string {
    return this.next === '' ? super.id : this.next;
  }

  override get ids(): readonly string[] {
    return this.next === '' ? [this.live.id] : [this.live.id, this.next];
  }

  /** The others see what `fn` did as soon as it is through: it is stored at once, on top of what they did. */
  override update<T>(fn: (data: SessionData) => T | Promise<T>): Promise<T> {
    const { live } = this;
    // The outer one stores what this one did.
    if (live.isInTurn) return super.update(fn);
    return live.inTurn(async () => {
      live.assertLive();
      for (let round = 0; round < rounds; round++) {
        const before = this.text();
        try {
          const answer = await fn(this.data);
          if (await this.alone(() => this.tryPut())) return answer;
        } catch (error) {
          this.takeBack(live, before, 'an update of the session failed');
          throw error;
        }
        replace(live.data, this.options.codec.decode(before));
        await this.alone(() => this.merge());
      }
      throw this.conflict();
    });
  }

  /** A change of id that the store has not heard of is undone, too: a client must not be half signed in. */
  override fail(): void {
    super.fail();
    const { telling, next, isNew } = this;
    if (telling === 'delete' || next === '' || this.live.id === next) return;
    this.next = '';
    this.telling = isNew ? 'when-kept' : 'none';
  }

  protected changeId(): undefined {
    this.assertHeadHere('session.regenerate');
    this.next = this.newId();
    this.telling = 'when-kept';
  }

  async destroy(): Promise<void> {
    this.live.assertLive();
    await this.store.end(this.live.id, this.live.epoch);
    this.live.written = this.lastText(this.live);
    this.live.state = 'ended';
    this.telling = 'delete';
    this.tellEnd();
  }

  async save(): Promise<void> {
    this.live.assertLive();
    await this.keep();
    this.tellKept();
  }

  async head(): Promise<Lines> {
    this.phase = 'sent';
    await this.keep();
    const { telling, live, options, secure, settings, told } = this;
    const change = { secure, settings, former: told };
    if (telling === 'delete') return writeCookie(options, '', change);
    const isDue = telling === 'when-kept' || isPersistent(settings) || !isSame(settings, told);
    if (!isDue || live.state !== 'live' || live.version === 0) return noLines;
    this.telling = 'none';
    return writeCookie(options, this.id, change);
  }

  async last(): Promise<Lines> {
    await this.keep();
    if (this.telling === 'when-kept' && this.live.version > 0) throw beganLate();
    return noLines;
  }

  close(sent: boolean): void {
    this.leave(sent);
  }

  private keep(): Promise<void> {
    return this.alone(() => this.keepNow());
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work);
    this.tail = turn.catch(() => {});
    return turn;
  }

  private async keepNow(): Promise<void> {
    const { live, options } = this;
    if (live.state !== 'live') {
      if (options.codec.encode(live.data) !== live.written) live.assertLive();
      return;
    }
    for (let round = 0; round < rounds; round++) {
      if ((await this.tryPut()) && (await this.tryRotate())) return;
      if (options.onConflict === 'fail') throw this.conflict();
      await this.merge();
    }
    throw this.conflict();
  }

  /** False: somebody else was faster. */
  private async tryPut(): Promise<boolean> {
    const { live, options, store } = this;
    const text = this.text();
    if (text === live.written) {
      const due = live.version > 0 && options.clock.now() - live.putAt > idleOf(options, live) / 4;
      if (due) await store.touch(live);
      if (due) live.putAt = options.clock.now();
      return true;
    }
    const user = userOf(live.data);
    const newUser = user === live.user ? undefined : user;
    if (newUser !== undefined) await this.users.admit(newUser, this.ids).catch((error) => this.refuseUser(error));
    if (!(await store.put(live, live.version + 1, text, user))) return false;
    live.version++;
    live.user = user;
    live.written = text;
    live.putAt = options.clock.now();
    if (newUser !== undefined) await this.users.settle(newUser, live.id);
    return true;
  }

  /** Before the store has heard of it: nobody is signed in. */
  private refuseUser(error: SessionError): never {
    if (error.code === 'session-limit') {
      this.live.undo(this.live.written, this.options.codec, error);
      this.fail();
    }
    throw error;
  }

  /** The old id is over when the store says so, before the client hears of the new one. False: somebody else was faster. */
  private async tryRotate(): Promise<boolean> {
    const { live, next, store } = this;
    if (next === '' || live.id === next || live.version === 0) return true;
    if (!(await store.rotate(live, next, live.version + 1, live.written))) return false;
    const moved = await store.read(next);
    if (moved === null) throw new SessionError('session-store', 'a session was not found under its fresh id');
    replace(moved.data, live.data);
    this.live = moved;
    return true;
  }

  /** What this request has changed, name by name, on top of what the store has now. */
  private async merge(): Promise<void> {
    const { live, options, store } = this;
    const { codec } = options;
    const theirs = await store.read(live.id);
    if (theirs === null) throw new SessionError('session-ended', 'the session was destroyed while this request worked');
    const before = codec.decode(live.written);
    const merged: SessionData = { ...theirs.data };
    const part = (data: SessionData, name: string) => (name in data ? codec.encode({ [name]: data[name] }) : '');
    for (const name of new Set([...Object.keys(before), ...Object.keys(live.data)])) {
      if (part(before, name) === part(live.data, name)) continue;
      const merge = this.merges.get(name);
      const value = merge === undefined ? live.data[name] : merge(before[name], live.data[name], theirs.data[name]);
      if (value !== undefined || (merge === undefined && name in live.data)) merged[name] = value;
      else delete merged[name];
    }
    const [was, mine] = [cookieOf(before), cookieOf(live.data)];
    setCookieOf(merged, isSame(was, mine) ? cookieOf(theirs.data) : mine);
    // What others have made under the former id is nothing under the fresh one.
    if (this.next !== '') {
      dropCsrfSecrets(merged);
      if (csrfName in live.data) merged[csrfName] = live.data[csrfName];
    }
    replace(live.data, merged);
    live.written = theirs.written;
    live.version = theirs.version;
    live.user = theirs.user;
    live.putAt = theirs.putAt;
  }

  private conflict(): SessionError {
    return new SessionError(
      'session-conflict',
      'another request changed the session first; use session.update, or try again',
    );
  }
}

/** The same object: whoever holds it sees the change. */
function replace(data: SessionData, by: SessionData): void {
  for (const name of Object.keys(data)) if (!(name in by)) delete data[name];
  Object.assign(data, by);
  setCookieOf(data, cookieOf(by));
}
