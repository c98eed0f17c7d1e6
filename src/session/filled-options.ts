/** The options of the session library with all defaults, checked once when they are given: inside nothing is optional. */

import { randomBytes } from 'node:crypto';
import { maxCookieSeconds } from '../http/cookie.ts';
import { sessionSecretFile } from '../secrets/session-secret.ts';
import { isSharedAddress, sharedForms, withoutSecrets } from '../store/addresses.ts';
import { mostOfUser } from '../store/store.ts';
import { type Clock, systemClock, systemTimers, type Timers } from '../time/clock.ts';
import { type Codec, type CodecName, jsonCodec } from './data/codec.ts';
import { type CookieSettings, checkCookie, milliseconds, StateCodec } from './data/cookie-settings.ts';
import { DevalueCodec } from './data/devalue-codec.ts';
import { SessionEmitter } from './events.ts';
import { isForeignStore } from './foreign/foreign-store.ts';
import type { AnyStore, CookieOptions, Limits, SessionOptions } from './options.ts';
import { strategies } from './strategy.ts';

/** The options, and what tests put in the place of time and randomness. Not a part of the public types. */
export interface InternalSessionOptions extends SessionOptions {
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Returns that many strong random bytes. */
  readonly random?: (bytes: number) => Uint8Array;
}

/** For tests: options with a clock, timers or random bytes of their own, in the form that the public constructors take. */
export function internalOptions(options: InternalSessionOptions): SessionOptions {
  return options;
}

export interface FilledCookie {
  readonly name: string;
  readonly path: string;
  /** '' the host of the request alone. */
  readonly domain: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly secure: boolean | 'auto';
  readonly httpOnly: boolean;
  readonly partitioned: boolean;
  /** Seconds; null: the cookie ends with the browser. */
  readonly maxAge: number | null;
}

type Replaced = 'idle' | 'absolute' | 'clockSkew' | 'secret' | 'store' | 'codec' | 'from';

export interface FilledOptions extends Required<Omit<InternalSessionOptions, Replaced>> {
  readonly idleMs: number;
  /** 0: no limit. */
  readonly absoluteMs: number;
  readonly clockSkewMs: number;
  readonly secrets: readonly string[];
  /** Where sticky looks for a secret when there are no `secrets`. */
  readonly secretFile: string;
  readonly store: string | AnyStore | (() => Promise<AnyStore>) | null;
  readonly cookie: FilledCookie;
  /** The cookie attributes that the app has set itself: the balancer's cookie has other defaults. */
  readonly ownCookie: CookieSettings;
  /** `idle` in seconds when the app has set it; else 0. */
  readonly ownIdleSeconds: number;
  readonly codec: StateCodec;
  readonly limits: Limits;
  /** The listeners of the app that these options belong to. */
  readonly events: SessionEmitter;
}

const defaultLimits: Limits = {
  bytes: 1 << 20,
  warnBytes: 1 << 16,
  sessions: 100_000,
  storeTimeout: 5000,
  userSessions: 0,
};

const minSecretChars = 16;

/** Throws TypeError that names the option, what was found and what is expected. */
export function fillOptions(options: InternalSessionOptions): FilledOptions {
  const { strategy, secret = [], cookie = {}, store = null, limits = {} } = options;
  if (!strategies.includes(strategy)) {
    throw new TypeError(`strategy: found ${JSON.stringify(strategy)}, expected one of ${strategies.join(', ')}`);
  }
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (secrets.some((one) => one.length < minSecretChars)) {
    throw new TypeError(`secret: found fewer than ${minSecretChars} characters, expected a long random text`);
  }
  if (strategy === 'stateless' && secrets.length === 0) {
    throw new TypeError('secret: found none, expected one: strategy stateless encrypts the cookie with it');
  }
  if (strategy === 'shared') checkStore(store);
  const onError = options.onError ?? ((error: Error) => process.emitWarning(error));
  const { sameSite = 'lax', secure = sameSite === 'none' ? true : 'auto' } = cookie;
  const idleMs = milliseconds('idle', options.idle ?? '30m', 1000);
  const ownCookie = ownSettingsOf(cookie, idleMs, options.clock ?? systemClock);
  return {
    strategy,
    idleMs,
    ownIdleSeconds: options.idle === undefined ? 0 : Math.min(maxCookieSeconds, Math.ceil(idleMs / 1000)),
    ownCookie,
    absoluteMs: milliseconds('absolute', options.absolute ?? 0, 0),
    clockSkewMs: milliseconds('clockSkew', options.clockSkew ?? '10m', 0),
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
      maxAge: ownCookie.maxAge ?? null,
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

function checkStore(store: SessionOptions['store'] | null): void {
  // The store of several machines first.
  const expected = `expected ${sharedForms.toReversed().join(', ')}, or a store, for strategy shared`;
  if (store === null || store === undefined) throw new TypeError(`store: found none, ${expected}`);
  if (typeof store === 'string' && !isSharedAddress(store)) {
    throw new TypeError(`store: found ${JSON.stringify(withoutSecrets(store))}, ${expected}`);
  }
  if (typeof store === 'object') assertStore(store);
}

/** Of Limpet's contract, or made for express-session. Throws TypeError for anything else. */
export function assertStore(store: unknown): asserts store is AnyStore {
  const methods = ['read', 'put', 'rotate', 'destroy', 'touch'];
  const isStore = methods.every((name) => typeof Object(store)[name] === 'function');
  if (isStore || (typeof store === 'object' && store !== null && isForeignStore(store))) return;
  throw new TypeError(
    `store: found ${store === null ? 'null' : typeof store} without ${methods.join(', ')}; expected these, or get, set and destroy as express-session has them`,
  );
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

function ownSettingsOf(cookie: CookieOptions, idleMs: number, clock: Clock): CookieSettings {
  const { name: _name, permanent = false, secure, partitioned, maxAge, ...rest } = cookie;
  const age = maxAge === undefined && permanent ? idleMs / 1000 : maxAge;
  const given = {
    ...rest,
    ...(age !== undefined && { maxAge: age }),
    ...(typeof secure === 'boolean' && { secure }),
    ...(partitioned === true && { partitioned }),
  };
  return checkCookie(given, clock.wall());
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
