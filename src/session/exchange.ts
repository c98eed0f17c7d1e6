/** The contracts between adapters and strategies: a request as an adapter describes it, and its use of a session. */
import type { CookieSettings } from './data/cookie-settings.ts';
import type { SessionDirectory } from './directory.ts';
import type { Session } from './session.ts';

/** Header fields to add to a response. */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

export const noHeaderLines: HeaderLines = [];

/**
 * Merges the changes of two requests to one name of the data: `mine` is this request's value, `before` what it started from, `theirs` what
 * the others have stored. Returns undefined to remove the name. Throws SessionError when a change would be lost.
 */
export type Merge = (before: unknown, mine: unknown, theirs: unknown) => unknown;

/** A request, as an adapter describes it. */
export interface IncomingRequest {
  header(name: string): string | undefined;
  readonly tls: boolean;
}

/**
 * One request's use of its session, as an adapter drives it: `beforeHead`, then `beforeEnd`, then `close`. Whatever throws here must
 * reach the client as an error.
 */
export interface Exchange {
  readonly session: Session;
  /** Stores what was changed, before the head of the response is sent. Returns the headers to add; a promise: the head has to wait. */
  beforeHead(): HeaderLines | Promise<HeaderLines>;
  /** Stores what was changed since, before the last byte is sent. Returns trailers to add, which only `canTrail` allows. */
  beforeEnd(canTrail: boolean): HeaderLines | Promise<HeaderLines>;
  /** Reads what others have stored since the session was opened; undefined where the session is in memory anyway. */
  refresh(): undefined | Promise<void>;
  /** What `session.regenerate` does; undefined where it is done at once. Throws, or rejects with, SessionError. */
  renew(): undefined | Promise<void>;
  /** Changes of two requests to the data's `name` are merged by `merge`. */
  setMerge(name: string, merge: Merge): void;
  /**
   * The request has failed: its handler threw, or answers with a status of 500 or above. What it changed and what is not sent yet
   * is undone, unless other open requests share it. Calling it again changes nothing.
   */
  fail(): void;
  /** Replaces all attributes that were set for the session's cookie. After the head of the response they count from the next one on. */
  setCookieSettings(settings: CookieSettings): void;
  /** The head of the response was sent before the session was opened. */
  markHeadSent(): void;
  /** The response is over. `isSent`: all of it was handed to the network. */
  close(isSent: boolean): void;
}

/** One strategy: opens the sessions of requests. */
export interface SessionProvider {
  /** The session of a request; no promise where nothing has to be read. Throws, or rejects with, SessionError. */
  open(incoming: IncomingRequest, hasResponse: boolean): Exchange | Promise<Exchange>;
  /** The session of that id, apart from any request; null: there is none. A process that may not change it gets one whose `save` throws. */
  find(id: string): Promise<Session | null>;
  readonly directory: SessionDirectory;
  /** Evicts all sessions from memory that were idle for too long. `now`: Unix ms. */
  sweep?(now: number): void;
  close(): Promise<void>;
}
