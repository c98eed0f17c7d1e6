/** What an app sees of a session: the same for all strategies. */
import type { SessionData } from './data/codec.ts';
import type { SessionCookieOptions } from './data/cookie-settings.ts';
import type { Strategy } from './strategy.ts';

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
  /**
   * Whose session it is: set it to the id of the user who has signed in, and to null when nobody is any more. By that
   * `app.listSessions(id)` finds it. It reads as a hash of that id, undefined when it is nobody's: what a user is called is not kept.
   * Throws TypeError for what is no text of 1 to 1,024 characters.
   */
  get user(): string | undefined;
  set user(id: string | null | undefined);
  /** What tells the session from others of its user in a list, such as the name of a device; at most 200 characters. After `user`. */
  label: string;
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
