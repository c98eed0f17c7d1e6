/** What an app sees of a session: the same for all strategies. */
import type { SessionData } from './data/codec.ts';
import type { SessionCookieOptions } from './data/cookie-settings.ts';
import type { Strategy } from './strategy.ts';

/**
 * How the session came to this request. `new`: it has just begun. `held`: this server had it already. `rebind`: its former server
 * failed, and this one is the new owner. `move`: it was moved here from a server that lives.
 */
export type Reason = 'new' | 'held' | 'rebind' | 'move';

/**
 * The session of one request. What is changed is stored before the client gets the response; when the request fails (its handler
 * throws, or answers with a status of 500 or above), its changes are undone.
 *
 * @example
 * const session = await app.open(request, response);
 * session.set('cart', [...(session.get('cart') ?? []), 'book']);
 */
export interface Session {
  /** 32 hex digits. Secret: whoever knows it can be the session. */
  readonly id: string;
  /** Where the session lives, as the options say. */
  readonly strategy: Strategy;
  /** Generation of the ownership (sticky): up by one with each new owner. 1 where nobody owns it. */
  readonly epoch: number;
  /** How the session came to this request. */
  readonly reason: Reason;
  /** Nothing of it is stored yet. */
  readonly isNew: boolean;
  /** Destroyed, or its id was replaced: using it throws SessionError `session-ended`. */
  readonly ended: boolean;
  /** False: when this process ends, the session is gone. */
  readonly survivesCrash: boolean;
  /**
   * Whose session it is. Set it to the id of the user who has signed in, a text of 1 to 1,024 characters, and to null when nobody is
   * signed in any more; `app.listSessions(id)` finds the session by it. It reads as a hash of that id, because the id itself is not
   * stored; undefined when nobody is signed in.
   *
   * @throws TypeError for anything that is no text of that length.
   */
  get user(): string | undefined;
  /** Sets the user who has signed in; null: nobody is signed in any more. */
  set user(id: string | null | undefined);
  /**
   * Tells the session from others of its user in a list, such as the name of a device; at most 200 characters. Set `user` first.
   *
   * @throws TypeError for a longer text, and when the session has no user.
   */
  label: string;
  /**
   * The state, a plain object. Changes at any depth count. Do not keep it beyond the request, and read it again after `regenerate`.
   *
   * @throws SessionError `session-ended` or `session-fenced` when the session is over or was changed elsewhere.
   */
  readonly data: SessionData;
  /**
   * One value of the state; undefined when there is none of that name.
   *
   * @throws SessionError `session-ended` or `session-fenced`.
   */
  get<Name extends keyof SessionData>(name: Name): SessionData[Name] | undefined;
  /**
   * Sets one value of the state.
   *
   * @throws SessionError `not-serialisable` for a value that the codec would not give back as it is; `session-ended`, `session-fenced`.
   */
  set<Name extends keyof SessionData>(name: Name, value: SessionData[Name]): void;
  /**
   * Removes one value of the state.
   *
   * @throws SessionError `session-ended` or `session-fenced`.
   */
  delete(name: keyof SessionData): void;
  /**
   * Runs `fn` while no other update of this session runs; `fn` may be asynchronous. When it throws, or leaves data that cannot be
   * stored, its changes are undone. An update that is called within `fn` is a part of it. With strategy shared `fn` may run again on newer
   * data, when another server was faster.
   *
   * @returns what `fn` returns.
   * @throws what `fn` throws; SessionError `session-ended`, `session-fenced`, `session-conflict`, `not-serialisable`, `state-too-large`.
   * @example
   * await session.update((data) => { data.visits = (data.visits ?? 0) + 1; });
   */
  update<T>(fn: (data: SessionData) => T | Promise<T>): Promise<T>;
  /**
   * Gives the same state a fresh id. Call it when a user signs in: whoever knew the old id has nothing (session fixation).
   *
   * @throws SessionError `head-left` when the head of the response was sent; `session-ended`, `session-fenced`.
   */
  regenerate(): Promise<void>;
  /**
   * Ends the session. Nothing revives it.
   *
   * @throws SessionError `session-store` when that could not be stored, and `head-left` (stateless) after the head of the response.
   */
  destroy(): Promise<void>;
  /** The attributes of its cookie that were set, by the options and for this session; `maxAge` in seconds. */
  readonly cookie: SessionCookieOptions;
  /**
   * Sets attributes of the session's cookie, and so how long the session lasts: from now on, also after `regenerate` and on another
   * server. Attributes that are left out stay.
   *
   * @throws SessionError `head-left` when the head of the response was sent. TypeError for an attribute that no cookie can have.
   * @example
   * session.setCookie({ maxAge: '14d' }); // "remember me"
   */
  setCookie(options: SessionCookieOptions): void;
  /**
   * Stores the state now, apart from any response: for WebSocket handlers and work after the response.
   *
   * @throws SessionError when it could not be stored; `code` says why.
   */
  save(): Promise<void>;
  /**
   * Adds a value that is read once, by this request or a later one. Of more than 64 the oldest are dropped.
   *
   * @throws SessionError `not-serialisable` for a value that the codec cannot encode.
   * @example
   * session.flash('info', 'Saved');
   */
  flash(type: string, value: unknown): void;
  /**
   * Returns the values of that type, oldest first, and removes them: by an `update`, so that one of several requests at the same time
   * gets them. When the request fails they are there again, as all that it has changed.
   */
  flash(type: string): Promise<unknown[]>;
  /** A token for a form or a header, against forged requests (CSRF). Another text each time; all are valid until `regenerate`. */
  csrfToken(): string;
  /** Whether `token` is a token of this session. Compares in constant time. */
  isCsrfToken(token: unknown): boolean;
}
