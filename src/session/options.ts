/** The options of the session library, filled and checked at the door: past it nothing is optional. */
import { randomBytes } from 'node:crypto';
import { sessionSecretFile } from '../secrets/session-secret.ts';
import { isSharedAddress, sharedForms, withoutSecrets } from '../store/addresses.ts';
import { mostOfUser, type Store } from '../store/store.ts';
import { type Clock, systemClock, systemTimers, type Timers } from '../time/clock.ts';
import { type Codec, type CodecName, jsonCodec, type SessionData } from './data/codec.ts';
import {
  type CookieSettings,
  checkCookie,
  type Duration,
  longestAge,
  milliseconds,
  StateCodec,
} from './data/cookie-settings.ts';
import { DevalueCodec } from './data/devalue-codec.ts';
import { SessionEmitter } from './events.ts';
import { type ForeignStore, isForeignStore } from './foreign/foreign-store.ts';
import type { Session } from './session.ts';
import { type Strategy, strategies } from './strategy.ts';

export type { Duration } from './data/cookie-settings.ts';

/** Of the cookies of all sessions; `session.setCookie` says it of one. */
export interface CookieOptions {
  /** Default `sid`; `session` for stateless. Not of sticky: there the balancer gives the name. */
  readonly name?: string;
  /**
   * The cookie outlives the browser, and the session lives so long without a request, instead of `idle`. null: the cookie goes with
   * the browser. Default null; with sticky what the balancer's config says.
   */
  readonly maxAge?: Duration | null;
  /** Default `/`. */
  readonly path?: string;
  readonly domain?: string;
  /** Default `lax`. `none` makes the cookie Secure. */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Default `auto`: when the request came by TLS, here or (X-Forwarded-Proto) at the balancer. */
  readonly secure?: boolean | 'auto';
  /** Default true. */
  readonly httpOnly?: boolean;
  readonly partitioned?: boolean;
  /** The same as `maxAge` of `idle`. */
  readonly permanent?: boolean;
}

export interface Limits {
  /** Largest state, bytes. Default 1 MiB. */
  readonly bytes: number;
  /** From this size on `onWarning` is called, once per session. Default 64 KiB. */
  readonly warnBytes: number;
  /** Sessions in this process's memory; the one used least recently goes first. Default 100,000. */
  readonly sessions: number;
  /** Longest wait for one answer of the store interface, milliseconds. Default 5,000. */
  readonly storeTimeout: number;
  /** Sessions of one user (`session.user`) at a time, at most 1,000; 0: no limit. Default 0. `whenUserFull` says what follows. */
  readonly userSessions: number;
}

export interface Warning {
  readonly code: 'state-large' | 'no-balancer' | 'cookie-limited' | 'store-without-fencing' | 'clock-differs';
  readonly message: string;
}

/** Sessions of express-session, for an app that does not use it any more. */
export interface FormerExpressSession {
  readonly store: ForeignStore;
  /** With which its cookies were signed. */
  readonly secret: string | readonly string[];
  /** Of its cookie. Default `connect.sid`. */
  readonly name?: string;
}

type SomeStore = Store | ForeignStore;

export interface SessionOptions {
  /** Where sessions live. The same app runs on all four. */
  readonly strategy: Strategy;
  /** A session unused for so long is over, unless its cookie has a `maxAge`. Default 30 minutes. */
  readonly idle?: Duration;
  /** Longest life whatever happens; 0: no limit. Default 0. (sticky: it is the balancer's.) */
  readonly absolute?: Duration;
  /**
   * sticky: shared with the balancer; left out, the one that a balancer of the same user on this machine has made. stateless: encrypts the cookie, required; several: the first writes, all read.
   */
  readonly secret?: string | readonly string[];
  /** With sticky the cookie is the balancer's: what is said here counts as far as its config lets apps decide (`cookie.app`). */
  readonly cookie?: CookieOptions;
  /**
   * Of shared: `redis://host:port` (rediss, redis+sentinel and redis+cluster too), `lmdb:./folder` for the processes of one
   * machine, or a store of your own, which the library closes only when it is given as a function. One that was made for
   * express-session (connect-pg-simple, connect-mongo, ...) will do, with less to promise: a warning says what.
   */
  readonly store?: string | SomeStore | (() => Promise<SomeStore>);
  /**
   * Where the app kept its sessions before: another strategy with its options, or the store of express-session with the secret of its
   * cookies. A client that comes with its old cookie goes on with its session, which is moved; the old one is gone a minute later.
   */
  readonly from?: SessionOptions | FormerExpressSession;
  /** Name under which shared keeps its sessions. Default `app`. */
  readonly pool?: string;
  /** Of sticky, for a request without a believable Limpet-Session header. Default `fail`: a loud error. */
  readonly fallback?: 'fail' | 'local';
  /** Of sticky, when a copy that must go through the store interface cannot be kept. Default `fail`: 503. */
  readonly whenStoreFails?: 'fail' | 'degrade';
  /** Of shared, when somebody else changed the session first. Default `merge`: top-level names one by one. */
  readonly onConflict?: 'merge' | 'fail';
  /**
   * When a user signs in who has `limits.userSessions` already. Default `end-oldest`: those go that signed in first. `refuse`: the new one
   * is refused, with SessionError `session-limit`.
   */
  readonly whenUserFull?: 'end-oldest' | 'refuse';
  /** Of stateless: whose session it is, and from which number on sessions of that user count; raise it to log them out. */
  readonly user?: (data: Readonly<SessionData>) => string | undefined;
  readonly minimumVersion?: (user: string) => number | Promise<number>;
  /**
   * How the data is written. Default `json`. `devalue` keeps Date, Map, Set, BigInt, Buffer and cycles too, and needs that package;
   * or one of your own. Sessions that were kept in one format cannot be read in another.
   */
  readonly codec?: CodecName | Codec;
  readonly limits?: Partial<Limits>;
  /** The session came here from another server (`session.reason` is rebind or move). Before the handler runs. */
  readonly onMove?: (session: Session) => void;
  readonly onWarning?: (warning: Warning) => void;
  /** A change could not be kept, and the client was told so. Default: process.emitWarning. */
  readonly onError?: (error: Error) => void;
  /**
   * By how much the clocks of other machines may differ from this one's. sticky: of the balancer that signs what it says, beside the two
   * minutes that a signature counts. stateless: of the server that has dated a token; beyond it the token counts as none. Default 10
   * minutes.
   */
  readonly clockSkew?: Duration;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** That many strong random bytes. */
  readonly random?: (bytes: number) => Uint8Array;
}

export interface FilledCookie {
  readonly name: string;
  readonly path: string;
  readonly domain: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly secure: boolean | 'auto';
  readonly httpOnly: boolean;
  readonly partitioned: boolean;
  /** Seconds; null: with the browser. */
  readonly maxAge: number | null;
}

export interface FilledOptions
  extends Required<Omit<SessionOptions, 'idle' | 'absolute' | 'clockSkew' | 'secret' | 'store' | 'codec' | 'from'>> {
  /** Milliseconds. */
  readonly idle: number;
  readonly absolute: number;
  readonly clockSkew: number;
  readonly secrets: readonly string[];
  /** Where sticky looks for one when there are none. */
  readonly secretFile: string;
  readonly store: string | SomeStore | (() => Promise<SomeStore>) | null;
  readonly cookie: FilledCookie;
  /** What of it was said, for the balancer's cookie. */
  readonly cookieSaid: CookieSettings;
  /** Seconds, where `idle` was said; else 0. */
  readonly idleSaid: number;
  readonly codec: StateCodec;
  readonly limits: Limits;
  /** Of the app that these are the options of. */
  readonly events: SessionEmitter;
}

const defaultLimits: Limits = {
  bytes: 1 << 20,
  warnBytes: 1 << 16,
  sessions: 100_000,
  storeTimeout: 5000,
  userSessions: 0,
};

function checkStore(store: SessionOptions['store'] | null): void {
  const expected = `expected ${sharedForms.join(', ')}, or a store, for strategy shared`;
  if (store === null || store === undefined) throw new TypeError(`store: found none, ${expected}`);
  if (typeof store === 'string' && !isSharedAddress(store)) {
    throw new TypeError(`store: found ${JSON.stringify(withoutSecrets(store))}, ${expected}`);
  }
  if (typeof store === 'object') assertStore(store);
}

/** One of ours, or of express-session. Throws TypeError. */
export function assertStore(store: unknown): asserts store is SomeStore {
  const methods = ['read', 'put', 'rotate', 'destroy', 'touch'];
  const isOurs = methods.every((name) => typeof Object(store)[name] === 'function');
  if (isOurs || (typeof store === 'object' && store !== null && isForeignStore(store))) return;
  throw new TypeError(
    `store: found ${store === null ? 'null' : typeof store} without ${methods.join(', ')}; expected these, or get, set and destroy as express-session has them`,
  );
}

/** Throws TypeError, naming the option, what was found and what is expected. */
export function fillOptions(options: SessionOptions): FilledOptions {
  const { strategy, secret = [], cookie = {}, store = null, limits = {} } = options;
  if (!strategies.includes(strategy)) {
    throw new TypeError(`strategy: found ${JSON.stringify(strategy)}, expected one of ${strategies.join(', ')}`);
  }
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (secrets.some((one) => one.length < 16)) {
    throw new TypeError('secret: found fewer than 16 characters, expected a long random text');
  }
  if (strategy === 'stateless' && secrets.length === 0) {
    throw new TypeError('secret: found none, expected one: strategy stateless encrypts the cookie with it');
  }
  if (strategy === 'shared') checkStore(store);
  const onError = options.onError ?? ((error: Error) => process.emitWarning(error));
  const { sameSite = 'lax', secure = sameSite === 'none' ? true : 'auto' } = cookie;
  const idle = milliseconds('idle', options.idle ?? '30m', 1000);
  const cookieSaid = saidOf(cookie, idle, options.clock ?? systemClock);
  return {
    strategy,
    idle,
    idleSaid: options.idle === undefined ? 0 : Math.min(longestAge, Math.ceil(idle / 1000)),
    cookieSaid,
    absolute: milliseconds('absolute', options.absolute ?? 0, 0),
    clockSkew: milliseconds('clockSkew', options.clockSkew ?? '10m', 0),
    secrets,
    secretFile: sessionSecretFile(process.env),
    store,
    cookie: {
      name: token('cookie.name', cookie.name ?? (strategy === 'stateless' ? 'session' : 'sid')),
      path: attribute('cookie.path', cookie.path ?? '/'),
      domain: attribute('cookie.domain', cookie.domain ?? ''),
      sameSite,
      secure,
      httpOnly: cookie.httpOnly ?? true,
      partitioned: cookie.partitioned ?? false,
      maxAge: cookieSaid.maxAge ?? null,
    },
    pool: options.pool ?? 'app',
    fallback: options.fallback ?? 'fail',
    whenStoreFails: options.whenStoreFails ?? 'fail',
    onConflict: options.onConflict ?? 'merge',
    whenUserFull: oneOf('whenUserFull', options.whenUserFull ?? 'end-oldest', ['end-oldest', 'refuse']),
    user: options.user ?? (() => undefined),
    minimumVersion: options.minimumVersion ?? (() => 0),
    codec: new StateCodec(codecOf(options.codec ?? 'json')),
    limits: checkLimits({ ...defaultLimits, ...limits }),
    onMove: options.onMove ?? (() => {}),
    onWarning:
      options.onWarning ?? (({ code, message }) => process.emitWarning(message, { type: 'LimpetWarning', code })),
    onError,
    events: new SessionEmitter(onError),
    clock: options.clock ?? systemClock,
    timers: options.timers ?? systemTimers,
    random: options.random ?? randomBytes,
  };
}

function checkLimits(limits: Limits): Limits {
  const { userSessions } = limits;
  if (Number.isSafeInteger(userSessions) && userSessions >= 0 && userSessions <= mostOfUser) return limits;
  throw new TypeError(`limits.userSessions: found ${userSessions}, expected a whole number from 0 to ${mostOfUser}`);
}

function oneOf<T extends string>(name: string, value: T, expected: readonly T[]): T {
  if (expected.includes(value)) return value;
  throw new TypeError(`${name}: found ${JSON.stringify(value)}, expected ${expected.join(' or ')}`);
}

function saidOf(cookie: CookieOptions, idle: number, clock: Clock): CookieSettings {
  const { name: _name, permanent = false, secure, partitioned, maxAge, ...rest } = cookie;
  const age = maxAge === undefined && permanent ? idle / 1000 : maxAge;
  const said = {
    ...rest,
    ...(age !== undefined && { maxAge: age }),
    ...(typeof secure === 'boolean' && { secure }),
    ...(partitioned === true && { partitioned }),
  };
  return checkCookie(said, clock.wall());
}

function codecOf(codec: CodecName | Codec): Codec {
  if (codec === 'json') return jsonCodec;
  if (codec === 'devalue') return new DevalueCodec();
  if (typeof codec === 'object' && codec !== null) return codec;
  throw new TypeError(
    `codec: found ${JSON.stringify(codec)}, expected json, devalue, or an object with encode, decode, check`,
  );
}

function token(name: string, value: string): string {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value)) return value;
  throw new TypeError(`${name}: found ${JSON.stringify(value)}, expected a token (RFC 9110)`);
}

function attribute(name: string, value: string): string {
  if (/^[\x20-\x3a\x3c-\x7e]*$/.test(value)) return value;
  throw new TypeError(`${name}: found ${JSON.stringify(value)}, expected printable ASCII without semicolons`);
}
