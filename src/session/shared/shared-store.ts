/**
 * A store as shared sessions see it: their state with the time of their creation, and errors of the session library.
 *
 *      1764412800000 {"user":"ada"}        when the session began (Unix ms), a space, the encoded data
 */
import { type PutResult, type Store, StoreError, type UserHash } from '../../store/store.ts';
import { storedMsOf } from '../cookie.ts';
import { userOf } from '../data/user.ts';
import { SessionError } from '../error.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { LiveSession } from '../live-session.ts';
import { newLiveSession } from '../new-session.ts';

/** The digits of a time, and a space. */
export const createdAtBytes = 20;

/** All methods throw SessionError. */
export class SharedStore {
  private readonly store: Store;
  private readonly options: FilledOptions;
  /** False: it is in this process's memory. */
  readonly survivesCrash: boolean;

  constructor(store: Store, options: FilledOptions, survivesCrash = true) {
    this.store = store;
    this.options = options;
    this.survivesCrash = survivesCrash;
  }

  /** A new session, which is not in the store yet. */
  begin(): LiveSession {
    return newLiveSession(this.options, this.options.clock.now());
  }

  /** null: there is no such session, or it is over. */
  async read(id: string): Promise<LiveSession | null> {
    const { clock, codec, absoluteMs, pool } = this.options;
    const found = await this.checked(this.store.read({ pool, id }));
    if (found.state !== 'live' || found.copy.version === 0) return null;
    const { epoch, version, data, expires } = found.copy;
    const text = Buffer.from(data).toString();
    const space = text.indexOf(' ');
    const createdAt = Number(text.slice(0, space));
    const now = clock.now();
    const live = newLiveSession(this.options, createdAt, { id, epoch });
    live.encoded = text.slice(space + 1);
    live.data = codec.decode(live.encoded);
    live.version = live.storedVersion = version;
    live.lastPutAt = expires - storedMsOf(this.options, live);
    live.user = userOf(live.data);
    if (absoluteMs === 0 || now - createdAt <= absoluteMs) return live;
    this.options.events.emit('expired', { id, data: live.data, reason: 'absolute' });
    return null;
  }

  /** False: another request has changed it since `version - 1` was read. Throws `session-ended` when it is over. */
  async put(live: LiveSession, version: number, encoded: string, user: UserHash | undefined): Promise<boolean> {
    const { pool } = this.options;
    const put = this.putOf(live, version, encoded, user);
    const result = await this.checked(this.store.put({ pool, id: live.id }, put));
    return isStored(result.state);
  }

  /** Puts it under another id, and ends the old one. False: as for `put`. */
  async rotate(live: LiveSession, newId: string, version: number, encoded: string): Promise<boolean> {
    const { pool } = this.options;
    const put = this.putOf(live, version, encoded, live.user);
    const result = await this.checked(this.store.rotate({ pool, id: live.id }, newId, put));
    if (result.state === 'taken') {
      throw new SessionError('session-store', 'the fresh id of a session was taken already');
    }
    return isStored(result.state);
  }

  /** Renews the time for which it is kept. */
  async touch(live: LiveSession): Promise<void> {
    const { pool } = this.options;
    await this.checked(this.store.touch({ pool, id: live.id }, live.epoch, storedMsOf(this.options, live)));
  }

  async ofUser(user: UserHash): Promise<readonly string[]> {
    const { store } = this;
    // A store of the app's own may be older than this method.
    if (typeof store.ofUser !== 'function') {
      throw new SessionError('session-store', 'the store has no ofUser(); expected it, to find the sessions of a user');
    }
    return this.translated(store.ofUser(this.options.pool, user));
  }

  async *all(): AsyncGenerator<string> {
    try {
      for await (const { key } of this.store.scan(this.options.pool)) yield key.id;
    } catch (error) {
      throw translate(error);
    }
  }

  async end(id: string, epoch: number): Promise<void> {
    const { pool } = this.options;
    const { state } = await this.checked(this.store.destroy({ pool, id }, epoch));
    if (state !== 'ended')
      throw new SessionError('session-fenced', 'ending a session was refused: another epoch has it');
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** Each put names another process: so one that does not follow what was read is refused, and never taken for an older one of its own. */
  private putOf(live: LiveSession, version: number, encoded: string, user: UserHash | undefined) {
    const { epoch, createdAt } = live;
    const by = Buffer.from(this.options.random(9)).toString('base64url');
    const data = Buffer.from(`${createdAt} ${encoded}`);
    const put = { owner: 0, epoch, version, by, data, ttl: storedMsOf(this.options, live) };
    return user === undefined ? put : { ...put, user };
  }

  /** What a store of the app's own returns may not have been checked by a compiler. */
  private async checked<T extends { readonly state: string } | boolean>(result: Promise<T>): Promise<T> {
    const found = await this.translated(result);
    if (typeof found === 'boolean' || typeof found?.state === 'string') return found;
    throw new SessionError(
      'session-store',
      `the store answered ${JSON.stringify(found)}; expected an object with a state`,
    );
  }

  private async translated<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw translate(error);
    }
  }
}

function isStored(state: PutResult['state']): boolean {
  if (state === 'ended') {
    throw new SessionError('session-ended', 'the session was destroyed while this request worked');
  }
  return state === 'stored';
}

function translate(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const code = error.code === 'state-too-large' ? 'state-too-large' : 'session-store';
  return new SessionError(code, `the store failed: ${error.message}`, { cause: error });
}
