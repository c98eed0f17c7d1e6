/** The cookie that express-session or @fastify/session keeps with a session, as what is said of the cookie that carries it. */
import { type CookieSettings, checkCookie, type SessionCookieOptions } from '../data/cookie-settings.ts';

/**
 * `cookie` as it is written to the store, times in milliseconds. `isNullSaid`: that there is no maxAge was said, because the app has one
 * for other sessions. What they set by themselves (HttpOnly, path /) is not said, and neither is that theirs may be read by scripts
 * or sent without TLS: this one need not be. Throws TypeError for what no cookie can have. `now`: Unix ms.
 */
export function settingsOf(cookie: unknown, isNullSaid: boolean, now: number): CookieSettings {
  const { originalMaxAge, expires, path, domain, sameSite, secure, partitioned } = Object(cookie);
  const said: { -readonly [Name in keyof SessionCookieOptions]: SessionCookieOptions[Name] } = {};
  const age = typeof originalMaxAge === 'number' ? originalMaxAge : Date.parse(String(expires)) - now;
  if (age > 0) said.maxAge = Math.ceil(age / 1000);
  else if (isNullSaid) said.maxAge = null;
  if (typeof path === 'string' && path !== '/') said.path = path;
  if (typeof domain === 'string' && domain !== '') said.domain = domain;
  const site = sameSite === true ? 'strict' : typeof sameSite === 'string' ? sameSite.toLowerCase() : '';
  if (site === 'strict' || site === 'lax' || site === 'none') said.sameSite = site;
  if (secure === true) said.secure = true;
  if (partitioned === true) said.partitioned = true;
  return checkCookie(said, now);
}
