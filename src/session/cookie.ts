/** The session cookie of the strategies that set one themselves: read from a request, written into a response. */
import { httpDate, longAgo } from '../time/http-date.ts';
import { type CookieSettings, cookieOf, noSettings } from './data/cookie-settings.ts';
import type { HeaderLines, IncomingRequest } from './exchange.ts';
import type { FilledOptions } from './filled-options.ts';
import type { LiveSession } from './live-session.ts';

/**
 * Cookie values that are tried per request, each at the cost of a read from the store or of a decryption. A browser sends several when
 * it has cookies for other paths or domains, and never so many.
 */
export const maxCookiesTried = 8;

/** The first `max` values of the cookies of that name that match `shape`, without the quotes that a client may have put around them. */
export function readCookies(incoming: IncomingRequest, name: string, shape: RegExp, max = maxCookiesTried): string[] {
  const found: string[] = [];
  for (const pair of (incoming.header('cookie') ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals <= 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = unquoted(pair.slice(equals + 1).trim());
    if (!shape.test(value)) continue;
    if (found.push(value) === max) break;
  }
  return found;
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/** The end of a Set-Cookie line that deletes its cookie. */
export const cookieDeletion = `Max-Age=0; Expires=${longAgo}`;

/** Whether the client speaks TLS. A false X-Forwarded-Proto only makes the cookie of the client that sent it Secure. */
export function isSecure(incoming: IncomingRequest): boolean {
  return incoming.tls || /^(?:https|wss)\b/i.test(incoming.header('x-forwarded-proto') ?? '');
}

/** The attributes that were set for the cookie of a session, by the options and for this session. */
export function cookieSettingsOf({ data }: Pick<LiveSession, 'data'>, { ownCookie }: FilledOptions): CookieSettings {
  const own = cookieOf(data);
  if (own === noSettings) return ownCookie;
  return ownCookie === noSettings ? own : { ...ownCookie, ...own };
}

/** Milliseconds that a session lives without a request. */
export function idleMsOf({ cookie, idleMs }: FilledOptions, { data }: Pick<LiveSession, 'data'>): number {
  const { maxAge = cookie.maxAge } = cookieOf(data);
  return maxAge === null ? idleMs : maxAge * 1000;
}

/**
 * Milliseconds for which the store keeps the session. A cookie with a `maxAge` promises a time, but is sent again, and the store touched,
 * only after a quarter of it: from that moment on the session still has to last for the whole of it.
 */
export function storedMsOf(options: FilledOptions, live: LiveSession): number {
  const idleMs = idleMsOf(options, live);
  const { maxAge = options.cookie.maxAge } = cookieOf(live.data);
  return maxAge === null ? idleMs : (idleMs * 5) / 4;
}

/** The cookie outlives the browser, and so has to be sent again as long as the session is used. */
export function isPersistent({ maxAge }: CookieSettings): boolean {
  return typeof maxAge === 'number';
}

/** What the client has of a session's cookie, and what it is to get. */
export interface CookieChange {
  /** The client speaks TLS. */
  readonly secure: boolean;
  readonly settings: CookieSettings;
  /** The settings of the cookie that the client sent; null: it sent none. */
  readonly previous: CookieSettings | null;
  /** Seconds by which the cookie may outlast its `maxAge`, because it is not sent with each response. Default 0. */
  readonly slackSeconds?: number;
}

/** The Set-Cookie lines; an empty value deletes the cookie that the client sent. */
export function writeCookie(options: FilledOptions, value: string, change: CookieChange): HeaderLines {
  const { secure, settings, previous, slackSeconds = 0 } = change;
  const own = setCookie(options, value, secure, value === '' ? (previous ?? settings) : settings, slackSeconds);
  const lines: [string, string][] = [['Set-Cookie', own]];
  // A client with both cookies may send the previous one first.
  if (value !== '' && previous !== null && scopeOf(options, previous) !== scopeOf(options, settings)) {
    lines.unshift(['Set-Cookie', setCookie(options, '', secure, previous, 0)]);
  }
  // Otherwise a cache may give the cookie of one user to all.
  return [...lines, ['Cache-Control', 'private']];
}

function scopeOf({ cookie }: FilledOptions, { path = cookie.path, domain = cookie.domain }: CookieSettings): string {
  return `Path=${path}${domain === '' ? '' : `; Domain=${domain}`}`;
}

function setCookie(
  options: FilledOptions,
  value: string,
  isTls: boolean,
  settings: CookieSettings,
  slackSeconds: number,
): string {
  const { cookie } = options;
  const { maxAge = cookie.maxAge, sameSite = cookie.sameSite, httpOnly = cookie.httpOnly } = settings;
  const { partitioned = cookie.partitioned } = settings;
  // Browsers drop a cookie with SameSite=None or Partitioned that is not Secure.
  const secure = settings.secure ?? (settings.sameSite === 'none' || settings.partitioned ? true : cookie.secure);
  const parts = [`${cookie.name}=${value}`, scopeOf(options, settings)];
  if (value === '') parts.push(cookieDeletion);
  else if (maxAge !== null) parts.push(lifetime(maxAge + slackSeconds, options.clock.wall()));
  if (httpOnly) parts.push('HttpOnly');
  if (secure === true || (secure === 'auto' && isTls)) parts.push('Secure');
  parts.push(`SameSite=${{ lax: 'Lax', strict: 'Strict', none: 'None' }[sameSite]}`);
  if (partitioned) parts.push('Partitioned');
  return parts.join('; ');
}

/** With Max-Age alone Java's client takes the cookie for one of RFC 2965, and sends it back in quotes. `now`: Unix ms. */
function lifetime(seconds: number, now: number): string {
  return `Max-Age=${seconds}; Expires=${httpDate(Math.ceil(now / 1000) + seconds)}`;
}
