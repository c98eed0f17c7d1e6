/** The contracts between adapters and strategies: a request as an adapter describes it, and its use of a session. */
import type { CookieSettings } from './data/cookie-settings.ts';
import type { Directory } from './directory.ts';
import type { Session } from './session.ts';

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
