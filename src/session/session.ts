/** What an app sees of a session, and what an adapter needs of it: the same for all strategies. */
import type { SessionData } from './codec.ts';
import type { CookieSettings, SessionCookieOptions } from './cookie-settings.ts';
import type { Strategy } from './options.ts';
import type { Directory } from './user-sessions.ts';

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
  readonly tls: boolean;
}

/** Opens the session of a request; at once where nothing has to be asked. */
export interface Opener {
  open(incoming: Incoming, hasResponse: boolean): Exchange | Promise<Exchange>;
  /** Apart from any request. null: there is none. Whoever may not change it gets one whose `save` says so. */
  find(id: string): Promise<Session | null>;
  readonly directory: Directory;
  /** Lets go of all in memory that were idle for too long. */
  sweep?(now: number): void;
  close(): Promise<void>;
}
