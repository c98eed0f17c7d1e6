/**
 * The attributes that an app sets for the session cookie: for all sessions by its options, for one by `session.setCookie`. The latter
 * belong to the session's state: they are stored, undone, merged and moved with the data, and stand before it in the encoded text.
 *
 *      #{"maxAge":1209600}             the settings; this line is left out where there are none, unless the data's text begins with #
 *      {"user":"ada"}                  the data, as its codec has encoded it
 */

import { maxCookieSeconds } from '../../http/cookie.ts';
import { SessionError } from '../error.ts';
import type { Codec, SessionData } from './codec.ts';

/** A number of seconds, or digits with a unit (ms, s, m, h, d): `90s`, `30m`, `8h`, `7d`. */
export type Duration = number | string;

/**
 * Attributes of the cookie of one session, for `session.setCookie`. Attributes that are left out stay as they were.
 *
 * @example
 * session.setCookie({ maxAge: '14d' }); // "remember me"
 */
export interface SessionCookieOptions {
  /**
   * Seconds, or a duration such as `14d`; at most 400 days. The session lives so long without a request, and its cookie outlives the
   * browser. null: the cookie ends with the browser, the session after `idle` without a request.
   */
  readonly maxAge?: Duration | null;
  /** The same as a `maxAge` up to that time; it counts anew from each request. */
  readonly expires?: Date;
  /** Paths that get the cookie: this one and all below it. */
  readonly path?: string;
  /** Hosts that get the cookie: this name and all below it. '' the host of the request alone. */
  readonly domain?: string;
  /** Whether requests that other sites start carry the cookie. */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Sent by TLS only. */
  readonly secure?: boolean;
  /** False lets scripts of a page read the cookie. */
  readonly httpOnly?: boolean;
  /** Keeps a cookie of its own for each site that embeds yours (CHIPS). */
  readonly partitioned?: true;
}

/** The same, checked. */
export interface CookieSettings extends Omit<SessionCookieOptions, 'maxAge' | 'expires'> {
  /** Seconds. */
  readonly maxAge?: number | null;
}

/** No attribute is set. */
export const noSettings: CookieSettings = Object.freeze({});

/** Of path and domain together: a token has room for no more. */
const maxScopeChars = 255;

/** Throws TypeError that names the option, what was found and what is expected. `now`: Unix ms by the machine's clock. */
export function checkCookie(given: SessionCookieOptions, now: number, where = 'cookie'): CookieSettings {
  const { maxAge, expires, path, domain, sameSite, secure, httpOnly, partitioned } = given;
  const refuse = (name: string, found: unknown, expected: string): never => {
    throw new TypeError(`${where}.${name}: found ${JSON.stringify(found)}, expected ${expected}`);
  };
  const age = expires === undefined ? maxAge : ageUntil(expires, now);
  if (path !== undefined && !/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path)) {
    refuse('path', path, 'one that begins with / and has neither space nor semicolon');
  }
  // A leading dot has no meaning since RFC 6265 section 5.2.3.
  const host = domain?.replace(/^\./, '').toLowerCase();
  if (host !== undefined && host !== '' && !domainShape.test(host))
    refuse('domain', domain, 'a name such as example.org');
  if ((path ?? '').length + (host ?? '').length > maxScopeChars) {
    refuse('path', path, `at most ${maxScopeChars} characters together with the domain`);
  }
  if (sameSite !== undefined && !['lax', 'strict', 'none'].includes(sameSite))
    refuse('sameSite', sameSite, 'lax, strict or none');
  for (const [name, value] of Object.entries({ secure, httpOnly })) {
    if (value !== undefined && typeof value !== 'boolean') refuse(name, value, 'true or false');
  }
  if (partitioned !== undefined && partitioned !== true) refuse('partitioned', partitioned, 'true, or nothing');
  return defined({
    maxAge:
      age == null ? age : Math.min(maxCookieSeconds, Math.ceil(milliseconds(`${where}.maxAge`, age, 1000) / 1000)),
    path,
    domain: host,
    sameSite,
    secure,
    httpOnly,
    partitioned,
  });
}

const domainShape = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

function ageUntil(expires: unknown, now: number): number {
  const end = expires instanceof Date ? expires.getTime() : Number.NaN;
  if (end > now) return Math.ceil((end - now) / 1000);
  throw new TypeError(`cookie.expires: found ${String(expires)}, expected a Date to come; to end a session destroy it`);
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Throws TypeError for less than `minMs`, and for anything that is no duration. `name`: of the option. */
export function milliseconds(name: string, value: Duration, minMs: number): number {
  const match = typeof value === 'string' ? /^(\d{1,9})(ms|s|m|h|d)$/.exec(value) : null;
  const found = typeof value === 'number' ? value * 1000 : Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN);
  if (found >= minMs && found < 1e14) return found;
  throw new TypeError(`${name}: found ${JSON.stringify(value)}, expected seconds, or a duration such as 30m`);
}

/** Without attributes that are undefined. */
function defined(
  settings: { readonly [Name in keyof CookieSettings]: CookieSettings[Name] | undefined },
): CookieSettings {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return given.length === 0 ? noSettings : Object.freeze(Object.fromEntries(given));
}

export function isSame(one: CookieSettings, other: CookieSettings | null): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** The settings of the session that the data belongs to. */
const settingsOf = new WeakMap<SessionData, CookieSettings>();

export function cookieOf(data: SessionData): CookieSettings {
  return settingsOf.get(data) ?? noSettings;
}

export function setCookieOf(data: SessionData, settings: CookieSettings): void {
  if (Object.keys(settings).length === 0) settingsOf.delete(data);
  else settingsOf.set(data, settings);
}

/** The app's codec, extended: the encoded text also has the settings of the cookie. */
export class StateCodec implements Codec {
  readonly inner: Codec;

  constructor(inner: Codec) {
    this.inner = inner;
  }

  encode(data: SessionData): string {
    const text = this.inner.encode(data);
    const settings = settingsOf.get(data);
    if (settings !== undefined) return `#${JSON.stringify(settings)}\n${text}`;
    return text.charCodeAt(0) === hash ? `#\n${text}` : text;
  }

  decode(text: string): SessionData {
    if (text.charCodeAt(0) !== hash) return this.inner.decode(text);
    const end = text.indexOf('\n');
    const data = this.inner.decode(text.slice(end + 1));
    const settings = text.slice(1, end);
    if (end < 0) throw new SessionError('not-serialisable', `a session's copy begins with # and has no second line`);
    if (settings !== '') setCookieOf(data, readSettings(settings));
    return data;
  }

  check(data: SessionData): void {
    this.inner.check(data);
  }
}

const hash = '#'.charCodeAt(0);

function readSettings(text: string): CookieSettings {
  return checkCookie(JSON.parse(text), 0);
}
