/** The session cookie of the strategies that have one of their own: found in a request, written into a response. */
import { httpDate, longAgo } from '../time/http-date.ts';
import { type CookieSettings, cookieOf } from './data/cookie-settings.ts';
import type { Incoming, Lines } from './exchange.ts';
import type { Live } from './live-session.ts';
import type { FilledOptions } from './options.ts';

/**
 * Values that are tried, each at the price of a look into the store or of a decryption. A browser sends several when it holds
 * them for other paths or domains, and never so many.
 */
export const mostTried = 8;

/** An id as the strategies give them out. */
export const idShape = /^[0-9a-f]{32}$/;

/** The first values of that name that have the shape, without the quotes that a client may have put around them: `most` of them. */
export function readCookies(incoming: Incoming, name: string, shape: RegExp, most = mostTried): string[] {
  const found: string[] = [];
  for (const pair of (incoming.header('cookie') ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals <= 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = unquoted(pair.slice(equals + 1).trim());
    if (!shape.test(value)) continue;
    if (found.push(value) === most) break;
  }
  return found;
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/** For the end of a Set-Cookie line that deletes its cookie. */
export const deletion = `Max-Age=0; Expires=${longAgo}`;

/** Whether the client speaks TLS. A false X-Forwarded-Proto only makes the liar's own cookie Secure. */
export function isSecure(incoming: Incoming): boolean {
  return incoming.tls || /^(?:https|wss)\b/i.test(incoming.header('x-forwarded-proto') ?? '');
}

/** Milliseconds that a session lives without a request. */
export function idleOf({ cookie, idle }: FilledOptions, { data }: Pick<Live, 'data'>): number {
  const { maxAge = cookie.maxAge } = cookieOf(data);
  return maxAge === null ? idle : maxAge * 1000;
}

/**
 * The same for what is kept of it: what is dated anew only after a quarter of a time that was promised has to last for the whole of it
 * from then on, too.
 */
export function keptFor(options: FilledOptions, live: Live): number {
  const idle = idleOf(options, live);
  const { maxAge = options.cookie.maxAge } = cookieOf(live.data);
  return maxAge === null ? idle : (idle * 5) / 4;
}

/** The cookie outlives the browser, and so has to be given out anew as long as the session is used. */
export function isPersistent({ maxAge }: CookieSettings): boolean {
  return typeof maxAge === 'number';
}

/** What the client has of a session's cookie, and what it is to get. */
export interface CookieChange {
  /** The client speaks TLS. */
  readonly secure: boolean;
  readonly settings: CookieSettings;
  /** Those of the cookie that the client came with; null: it came with none. */
  readonly former: CookieSettings | null;
  /** Seconds by which the cookie may outlast its `maxAge`, because it is not given out with each response. Default 0. */
  readonly slack?: number;
}

/** The Set-Cookie lines; an empty value deletes the cookie that the client came with. */
export function writeCookie(options: FilledOptions, value: string, change: CookieChange): Lines {
  const { secure, settings, former, slack = 0 } = change;
  const own = setCookie(options, value, secure, value === '' ? (former ?? settings) : settings, slack);
  const lines: [string, string][] = [['Set-Cookie', own]];
  // Where a client holds both, the former one may be what it sends first.
  if (value !== '' && former !== null && scopeOf(options, former) !== scopeOf(options, settings)) {
    lines.unshift(['Set-Cookie', setCookie(options, '', secure, former, 0)]);
  }
  // Else a cache may give one user's cookie to all.
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
  slack: number,
): string {
  const { cookie } = options;
  const { maxAge = cookie.maxAge, sameSite = cookie.sameSite, httpOnly = cookie.httpOnly } = settings;
  const { partitioned = cookie.partitioned } = settings;
  // Browsers drop either without Secure.
  const asked = settings.secure ?? (settings.sameSite === 'none' || settings.partitioned ? true : cookie.secure);
  const parts = [`${cookie.name}=${value}`, scopeOf(options, settings)];
  if (value === '') parts.push(deletion);
  else if (maxAge !== null) parts.push(lifeOf(maxAge + slack, options.clock.wall()));
  if (httpOnly) parts.push('HttpOnly');
  if (asked === true || (asked === 'auto' && isTls)) parts.push('Secure');
  parts.push(`SameSite=${{ lax: 'Lax', strict: 'Strict', none: 'None' }[sameSite]}`);
  if (partitioned) parts.push('Partitioned');
  return parts.join('; ');
}

/** Max-Age alone makes Java's client take the cookie for one of RFC 2965, and send it back in quotes. `now`: Unix ms. */
function lifeOf(seconds: number, now: number): string {
  return `Max-Age=${seconds}; Expires=${httpDate(Math.ceil(now / 1000) + seconds)}`;
}
