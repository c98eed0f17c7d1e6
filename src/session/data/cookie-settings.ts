/**
 * What an app says of a session's cookie: for all sessions with its options, for one by `session.setCookie`. The latter belongs to the
 * session's state: it is kept, undone, merged and moved with the data, and stands before it in the text that is kept.
 *
 *      #{"maxAge":1209600000}          what was said; nothing of this where nothing was, unless the data's text begins with # itself
 *      {"user":"ada"}                  the data as its codec has written it
 */

import { SessionError } from '../error.ts';
import type { Codec, SessionData } from './codec.ts';

/** Seconds, or digits with a unit: `30m`, `8h`, `90s`, `7d`. */
export type Duration = number | string;

export type SameSite = 'lax' | 'strict' | 'none';

/**
 * Attributes of the cookie of one session. What is left out stays as it was.
 *
 * @example session.setCookie({ maxAge: '14d' })   // "remember me"
 */
export interface SessionCookieOptions {
  /**
   * The session lives so long without a request, and its cookie outlives the browser. null: until the browser is closed, and `idle`
   * without a request.
   */
  readonly maxAge?: Duration | null;
  /** The same as a `maxAge` up to then: it counts anew from each request. */
  readonly expires?: Date;
  readonly path?: string;
  /** '' of this host alone. */
  readonly domain?: string;
  readonly sameSite?: SameSite;
  readonly secure?: boolean;
  readonly httpOnly?: boolean;
  /** A jar of its own for each site that embeds yours (CHIPS). */
  readonly partitioned?: true;
}

/** The same, checked; `maxAge` in seconds. */
export interface CookieSettings extends Omit<SessionCookieOptions, 'maxAge' | 'expires'> {
  readonly maxAge?: number | null;
}

/** Nothing is said. */
export const noSettings: CookieSettings = Object.freeze({});

/** Browsers keep no cookie for longer (RFC 6265bis section 5.5). Seconds. */
export const longestAge = 400 * 86_400;
/** Characters of path and domain together, which a token has room for. */
const longestScope = 255;

/** Throws TypeError, naming the option, what was found and what is expected. `now`: Unix ms by the machine's clock. */
export function checkCookie(given: SessionCookieOptions, now: number, where = 'cookie'): CookieSettings {
  const { maxAge, expires, path, domain, sameSite, secure, httpOnly, partitioned } = given;
  const refuse = (name: string, found: unknown, expected: string): never => {
    throw new TypeError(`${where}.${name}: found ${JSON.stringify(found)}, expected ${expected}`);
  };
  const age = expires === undefined ? maxAge : ageUntil(expires, now);
  if (path !== undefined && !/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path)) {
    refuse('path', path, 'one that begins with / and has neither space nor semicolon');
  }
  // The leading dot of old times says nothing since RFC 6265 section 5.2.3.
  const host = domain?.replace(/^\./, '').toLowerCase();
  if (host !== undefined && host !== '' && !domainShape.test(host))
    refuse('domain', domain, 'a name such as example.org');
  if ((path ?? '').length + (host ?? '').length > longestScope) {
    refuse('path', path, `at most ${longestScope} characters together with the domain`);
  }
  if (sameSite !== undefined && !['lax', 'strict', 'none'].includes(sameSite))
    refuse('sameSite', sameSite, 'lax, strict or none');
  for (const [name, value] of Object.entries({ secure, httpOnly })) {
    if (value !== undefined && typeof value !== 'boolean') refuse(name, value, 'true or false');
  }
  if (partitioned !== undefined && partitioned !== true) refuse('partitioned', partitioned, 'true, or nothing');
  return defined({
    maxAge: age == null ? age : Math.min(longestAge, Math.ceil(milliseconds(`${where}.maxAge`, age, 1000) / 1000)),
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

export function milliseconds(name: string, value: Duration, least: number): number {
  const match = typeof value === 'string' ? /^(\d{1,9})(ms|s|m|h|d)$/.exec(value) : null;
  const found = typeof value === 'number' ? value * 1000 : Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN);
  if (found >= least && found < 1e14) return found;
  throw new TypeError(`${name}: found ${JSON.stringify(value)}, expected seconds, or a duration such as 30m`);
}

/** Without what was not said. */
function defined(
  settings: { readonly [Name in keyof CookieSettings]: CookieSettings[Name] | undefined },
): CookieSettings {
  const said = Object.entries(settings).filter(([, value]) => value !== undefined);
  return said.length === 0 ? noSettings : Object.freeze(Object.fromEntries(said));
}

export function isSame(one: CookieSettings, other: CookieSettings | null): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** What was said of the sessions that data belongs to. */
const settingsOf = new WeakMap<SessionData, CookieSettings>();

export function cookieOf(data: SessionData): CookieSettings {
  return settingsOf.get(data) ?? noSettings;
}

export function setCookieOf(data: SessionData, settings: CookieSettings): void {
  if (Object.keys(settings).length === 0) settingsOf.delete(data);
  else settingsOf.set(data, settings);
}

/** The app's codec, whose text also says what was said of the cookie. */
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
    const said = text.slice(1, end);
    if (end < 0) throw new SessionError('not-serialisable', `a session's copy begins with # and has no second line`);
    if (said !== '') setCookieOf(data, readSettings(said));
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
