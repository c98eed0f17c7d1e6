/** One request's use of a shared session: read before it, merged with what others have written meanwhile, written after it. */
import { idleMsOf, isPersistent, writeCookie } from '../cookie.ts';
import type { SessionData } from '../data/codec.ts';
import { type CookieSettings, isSame } from '../data/cookie-settings.ts';
import { csrfName, dropCsrfSecrets, mergeCsrfSecrets } from '../data/csrf.ts';
import { encodeEnded } from '../data/encode.ts';
import { flashName, mergeFlashes } from '../data/flash.ts';
import { userOf } from '../data/user.ts';
import { beganAfterHead, SessionError } from '../error.ts';
import { type HeaderLines, type Merge, noHeaderLines } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { OpenSession } from '../open-session.ts';
import { newSessionId } from '../session-id.ts';
import type { UserSessions } from '../user-sessions.ts';
import { mergeData, replaceData } from './merge-data.ts';
import type { SharedStore } from './shared-store.ts';

/** Each time another request was faster: so many concurrent writers can all get through. */
const maxAttempts = 256;

interface SharedContext {
  readonly options: FilledOptions;
  readonly store: SharedStore;
  readonly users: UserSessions;
  /** The client speaks TLS. */
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
  /** The id after `regenerate`, from the call on; '' the id is as it was. */
  private newId = '';
  /** What the next head does to the client's cookie. */
  private cookieAction: 'none' | 'set-when-stored' | 'delete';
  /** The settings of the cookie that the client sent; null: it sent none. */
  private readonly clientCookie: CookieSettings | null;
  private readonly merges = new Map<string, Merge>([
    [flashName, mergeFlashes],
    [csrfName, (_before, mine, theirs) => mergeCsrfSecrets(mine, theirs)],
  ]);
  /** The last of its requests to the store. They run one after the other: each counts versions from what the one before has left. */
  private lastStoreWork: Promise<unknown> = Promise.resolve();

  constructor(live: LiveSession, { options, store, users, secure, isNew, hasResponse }: SharedContext) {
    super(live, options, { reason: isNew ? 'new' : 'held', isNew, hasResponse });
    this.store = store;
    this.users = users;
    this.survivesCrash = store.survivesCrash;
    this.secure = secure;
    this.cookieAction = isNew ? 'set-when-stored' : 'none';
    this.clientCookie = isNew ? null : this.cookieSettings;
  }

  override setMerge(name: string, merge: Merge): void {
    this.merges.set(name, merge);
  }

  override refresh(): Promise<void> {
    return this.inOrder(async () => {
      this.live.assertLive();
      if (this.live.version > 0) await this.mergeStored();
    });
  }

  override get id(): string {
    return this.newId === '' ? super.id : this.newId;
  }

  override get ids(): readonly string[] {
    return this.newId === '' ? [this.live.id] : [this.live.id, this.newId];
  }

  /** Other servers see what `fn` did as soon as it is through: it is stored at once, on top of what they did. */
  override update<T>(fn: (data: SessionData) => T | Promise<T>): Promise<T> {
    const { live } = this;
    // The outer update stores what this one does.
    if (live.updates.isInside) return super.update(fn);
    return live.updates.run(async () => {
      live.assertLive();
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const before = this.encodeData();
        try {
          const result = await fn(this.data);
          if (await this.inOrder(() => this.tryPut())) return result;
        } catch (error) {
          this.undoTo(live, before, 'an update of the session failed');
          throw error;
        }
        replaceData(live.data, this.options.codec.decode(before));
        await this.inOrder(() => this.mergeStored());
      }
      throw conflict();
    });
  }

  /** Undoes a change of id as well that the store does not know of: a client must not be signed in by halves. */
  override fail(): void {
    super.fail();
    const { cookieAction, newId, isNew } = this;
    if (cookieAction === 'delete' || newId === '' || this.live.id === newId) return;
    this.newId = '';
    this.cookieAction = isNew ? 'set-when-stored' : 'none';
  }

  protected changeId(): undefined {
    this.assertHeadOpen('session.regenerate');
    this.newId = newSessionId(this.options.random);
    this.cookieAction = 'set-when-stored';
  }

  async destroy(): Promise<void> {
    const { live } = this;
    live.assertLive();
    await this.store.end(live.id, live.epoch);
    live.encoded = encodeEnded(live, this.options);
    live.state = 'ended';
    this.cookieAction = 'delete';
    this.emitDestroyed();
  }

  async save(): Promise<void> {
    this.live.assertLive();
    await this.storeChanges();
    this.emitStored();
  }

  async beforeHead(): Promise<HeaderLines> {
    this.response = 'headSent';
    await this.storeChanges();
    const { cookieAction, live, options, secure, cookieSettings: settings, clientCookie: previous } = this;
    const change = { secure, settings, previous };
    if (cookieAction === 'delete') return writeCookie(options, '', change);
    const isDue = cookieAction === 'set-when-stored' || isPersistent(settings) || !isSame(settings, previous);
    if (!isDue || live.state !== 'live' || live.version === 0) return noHeaderLines;
    this.cookieAction = 'none';
    return writeCookie(options, this.id, change);
  }

  async beforeEnd(): Promise<HeaderLines> {
    await this.storeChanges();
    if (this.cookieAction === 'set-when-stored' && this.live.version > 0) throw beganAfterHead();
    return noHeaderLines;
  }

  private storeChanges(): Promise<void> {
    return this.inOrder(() => this.storeChangesNow());
  }

  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.lastStoreWork.then(work);
    this.lastStoreWork = result.catch(() => {});
    return result;
  }

  private async storeChangesNow(): Promise<void> {
    const { live, options } = this;
    if (live.state !== 'live') {
      if (options.codec.encode(live.data) !== live.encoded) live.assertLive();
      return;
    }
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if ((await this.tryPut()) && (await this.tryRotate())) return;
      if (options.onConflict === 'fail') throw conflict();
      await this.mergeStored();
    }
    throw conflict();
  }

  /** False: another request was faster. */
  private async tryPut(): Promise<boolean> {
    const { live, options, store } = this;
    const encoded = this.encodeData();
    if (encoded === live.encoded) {
      const isDue = live.version > 0 && options.clock.now() - live.lastPutAt > idleMsOf(options, live) / 4;
      if (isDue) await store.touch(live);
      if (isDue) live.lastPutAt = options.clock.now();
      return true;
    }
    const user = userOf(live.data);
    const newUser = user === live.user ? undefined : user;
    if (newUser !== undefined) {
      await this.users.assertRoom(newUser, this.ids).catch((error) => this.refuseUser(error));
    }
    if (!(await store.put(live, live.version + 1, encoded, user))) return false;
    live.version++;
    live.user = user;
    live.encoded = encoded;
    live.lastPutAt = options.clock.now();
    if (newUser !== undefined) await this.users.enforceLimit(newUser, live.id);
    return true;
  }

  /** The user has too many sessions, and nothing was put: nobody is signed in. */
  private refuseUser(error: SessionError): never {
    if (error.code === 'session-limit') {
      this.live.undo(this.live.encoded, this.options.codec, error);
      this.fail();
    }
    throw error;
  }

  /** Ends the old id in the store, before the client gets the new one. False: another request was faster. */
  private async tryRotate(): Promise<boolean> {
    const { live, newId, store } = this;
    if (newId === '' || live.id === newId || live.version === 0) return true;
    if (!(await store.rotate(live, newId, live.version + 1, live.encoded))) return false;
    const moved = await store.read(newId);
    if (moved === null) throw new SessionError('session-store', 'a session was not found under its fresh id');
    replaceData(moved.data, live.data);
    this.live = moved;
    return true;
  }

  /** Reads what the store has now, and puts the changes of this request on top of it. */
  private async mergeStored(): Promise<void> {
    const { live, options, store, merges } = this;
    const { codec } = options;
    const stored = await store.read(live.id);
    if (stored === null) throw new SessionError('session-ended', 'the session was destroyed while this request worked');
    const before = codec.decode(live.encoded);
    const merged = mergeData({ before, mine: live.data, theirs: stored.data, merges, codec });
    // Secrets that others have made under the previous id are not valid under the new one.
    if (this.newId !== '') {
      dropCsrfSecrets(merged);
      if (csrfName in live.data) merged[csrfName] = live.data[csrfName];
    }
    replaceData(live.data, merged);
    live.encoded = stored.encoded;
    live.version = stored.version;
    live.user = stored.user;
    live.lastPutAt = stored.lastPutAt;
  }
}

function conflict(): SessionError {
  return new SessionError(
    'session-conflict',
    'another request changed the session first; use session.update, or try again',
  );
}
