/** The options of the session library, as an app writes them. filled-options.ts checks them and adds the defaults. */
import type { Store } from '../store/store.ts';
import type { Codec, CodecName, SessionData } from './data/codec.ts';
import type { Duration } from './data/cookie-settings.ts';
import type { ForeignStore } from './foreign/foreign-store.ts';
import type { Session } from './session.ts';
import type { Strategy } from './strategy.ts';

/**
 * Attributes of the session cookie, for all sessions of the app; `session.setCookie` changes them for one session. With strategy
 * `sticky` the cookie is the balancer's: what is set here counts as far as the balancer's config lets apps decide (`cookie.app`).
 *
 * @example
 * sessions({ strategy: 'local', cookie: { name: 'id', maxAge: '14d', sameSite: 'strict' } });
 */
export interface CookieOptions {
  /** Default `sid`, with strategy `stateless` `session`. Not used by `sticky`: the balancer's config has the name. */
  readonly name?: string;
  /**
   * Seconds, or a duration such as `14d`. The cookie outlives the browser, and the session lives so long without a request, instead of
   * `idle`. null: the cookie ends with the browser. Default null; with `sticky` what the balancer's config says.
   */
  readonly maxAge?: Duration | null;
  /** Default `/`. */
  readonly path?: string;
  /** Hosts that get the cookie: this name and all below it. Default: the host of the request alone. */
  readonly domain?: string;
  /** Default `lax`. `none` makes the cookie Secure. */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Default `auto`: Secure when the request came by TLS, to this server or (X-Forwarded-Proto) to a proxy. */
  readonly secure?: boolean | 'auto';
  /** False lets scripts of a page read the cookie. Default true. */
  readonly httpOnly?: boolean;
  /** Keeps a cookie of its own for each site that embeds yours (CHIPS). Default false. */
  readonly partitioned?: boolean;
  /** The same as a `maxAge` of `idle`. Default false. */
  readonly permanent?: boolean;
}

/** Limits that keep one session, or one user, from taking what others need. */
export interface Limits {
  /** Largest state of a session, bytes of its encoded data. Above it SessionError `state-too-large`. Default 1 MiB. */
  readonly bytes: number;
  /** From this size on `onWarning` is called, once per session, bytes. Default 64 KiB. */
  readonly warnBytes: number;
  /** Sessions in this process's memory; above it the one used least recently is evicted. Default 100,000. */
  readonly sessions: number;
  /** Longest wait for one response of a store, milliseconds. Default 5,000. */
  readonly storeTimeout: number;
  /** Sessions of one user (`session.user`) at a time, 0 to 1,000; 0: no limit. `whenUserFull` says what happens above it. Default 0. */
  readonly userSessions: number;
}

/** What `onWarning` gets: something that works, but less well than it could. */
export interface Warning {
  /**
   * `state-large`: a session is larger than `limits.warnBytes`. `no-balancer`: sticky runs on its `fallback`. `cookie-limited`: the
   * balancer does not allow an attribute of the cookie. `store-without-fencing`: the store cannot compare and set. `clock-differs`: the
   * clock of another machine differs from this one's.
   */
  readonly code: 'state-large' | 'no-balancer' | 'cookie-limited' | 'store-without-fencing' | 'clock-differs';
  /** One sentence: what was found and what is expected. */
  readonly message: string;
}

/**
 * Sessions of express-session that an app takes over when it does not use express-session any more.
 *
 * @example
 * sessions({ strategy: 'sticky', from: { store: new RedisStore({ client }), secret: 'the old secret' } });
 */
export interface FormerExpressSession {
  /** The store that holds the sessions. */
  readonly store: ForeignStore;
  /** The secret, or secrets, by which its cookies were signed. */
  readonly secret: string | readonly string[];
  /** Name of its cookie. Default `connect.sid`. */
  readonly name?: string;
}

/** A store of Limpet's contract, or one that was made for express-session. */
export type AnyStore = Store | ForeignStore;

/**
 * What `sessions`, `webSessions` and all adapters take. Only `strategy` is required.
 *
 * @example
 * const app = sessions({ strategy: 'shared', store: 'redis://localhost:6379', idle: '1h' });
 */
export interface SessionOptions {
  /** Where sessions live. The same app runs on all four. */
  readonly strategy: Strategy;
  /** A session that was not used for so long is over, unless its cookie has a `maxAge`. At least 1 s. Default 30 minutes. */
  readonly idle?: Duration;
  /** Longest life of a session, however much it is used; 0: no limit. Default 0. With sticky the balancer's config has it. */
  readonly absolute?: Duration;
  /**
   * Texts of at least 16 characters. sticky: the secret that is shared with the balancer; left out, the one that a balancer of the same
   * user on this machine has made. stateless: encrypts the cookie, required. Of several the first one writes, and all can read.
   */
  readonly secret?: string | readonly string[];
  /** Attributes of the session cookie. With sticky they count as far as the balancer's config lets apps decide (`cookie.app`). */
  readonly cookie?: CookieOptions;
  /**
   * Of shared, required there: `redis://host:port` (rediss, redis+sentinel and redis+cluster too), `lmdb:./folder` for the processes of
   * one machine, or a store of your own, which the library closes only when it is given as a function. A store that was made for
   * express-session (connect-pg-simple, connect-mongo, ...) can be used too, with fewer guarantees: a warning says which.
   */
  readonly store?: string | AnyStore | (() => Promise<AnyStore>);
  /**
   * Where the app kept its sessions before: another strategy with its options, or the store of express-session with the secret of its
   * cookies. A client that comes with its old cookie goes on with its session, which is migrated; the old one is removed a minute later.
   */
  readonly from?: SessionOptions | FormerExpressSession;
  /** Name under which shared keeps its sessions in the store. Default `app`. */
  readonly pool?: string;
  /** Of sticky, for a request without a valid Limpet-Session header. `fail`: SessionError `no-balancer`. Default `fail`. */
  readonly fallback?: 'fail' | 'local';
  /**
   * Of sticky, when a change that must go through the store interface cannot be stored. `fail`: the client gets a 503. `degrade`: it gets
   * its response, marked with Limpet-Degraded. Default `fail`.
   */
  readonly whenStoreFails?: 'fail' | 'degrade';
  /**
   * Of shared, when another request has changed the session first. `merge`: top-level names are merged one by one. `fail`: SessionError
   * `session-conflict`. Default `merge`.
   */
  readonly onConflict?: 'merge' | 'fail';
  /**
   * When a user signs in who has `limits.userSessions` sessions already. `end-oldest`: the sessions that signed in first are ended.
   * `refuse`: the new one is refused, with SessionError `session-limit`. Default `end-oldest`.
   */
  readonly whenUserFull?: 'end-oldest' | 'refuse';
  /** Of stateless: the user of a session, undefined when it has none. With `minimumVersion` a user can be logged out everywhere. */
  readonly user?: (data: Readonly<SessionData>) => string | undefined;
  /** Of stateless: tokens of that user with a lower version do not count any more. Raise it to log the user out. Default 0 for all. */
  readonly minimumVersion?: (user: string) => number | Promise<number>;
  /**
   * How the data is encoded. `devalue` keeps Date, Map, Set, BigInt, Buffer and cycles too, and needs that package; or a codec of your
   * own. Sessions that were stored in one format cannot be read in another. Default `json`.
   */
  readonly codec?: CodecName | Codec;
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  /** Of sticky: the session came here from another server (`session.reason` is `rebind` or `move`). Called before the handler runs. */
  readonly onMove?: (session: Session) => void;
  /** Called with what works less well than it could. Default: `process.emitWarning`. */
  readonly onWarning?: (warning: Warning) => void;
  /** Called when a change could not be stored and the client was told so. Default: `process.emitWarning`. */
  readonly onError?: (error: Error) => void;
  /**
   * By how much the clocks of other machines may differ from this one's. sticky: the clock of the balancer that signs its headers, beside
   * the two minutes for which a signature is valid. stateless: the clock of the server that wrote a token; a token from further ahead
   * does not count. Default 10 minutes.
   */
  readonly clockSkew?: Duration;
}
