/** Stores that were made for express-session: connect-pg-simple, connect-mongo, session-file-store, and many others. */
import type { Plain } from './foreign-ids.ts';

/**
 * A store that was made for express-session, as far as Limpet uses it.
 *
 * @example
 * sessions({ strategy: 'shared', store: new PgSession({ pool }) });
 */
export interface ForeignStore {
  /** Calls back with the session of that id; with none when there is no such session. */
  get(id: string, done: (error: unknown, session?: object | null) => void): unknown;
  /** Stores the session as long as its `cookie` says. */
  set(id: string, session: object, done?: (error?: unknown) => void): unknown;
  /** Removes the session. */
  destroy(id: string, done?: (error?: unknown) => void): unknown;
  /** Renews the time for which the session is stored. Without it Limpet calls `set`. */
  touch?(id: string, session: object, done?: (error?: unknown) => void): unknown;
}

/** False for a store of Limpet's own contract. */
export function isForeignStore(store: object): store is ForeignStore {
  const { get, set, destroy, put } = store as Record<string, unknown>;
  return put === undefined && [get, set, destroy].every((method) => typeof method === 'function');
}

/** A cookie by which such a store keeps a session for `ttl` ms: stores read it from different ones of these names. `now`: Unix ms. */
export function cookieFor(ttl: number, now: number): Plain {
  return { originalMaxAge: ttl, maxAge: ttl, expires: new Date(now + ttl), httpOnly: true, path: '/' };
}
