/** The cookie that express-session or @fastify/session stores with a session, as settings of the Limpet session's cookie. */
import { type CookieSettings, checkCookie, type SessionCookieOptions } from '../data/cookie-settings.ts';

/**
 * `cookie`: as it is written to the store, times in milliseconds. `isSessionCookie`: an absent maxAge means that the cookie ends with
 * the browser, because the app sets one for other sessions. Their defaults (HttpOnly, path /) set nothing, and neither does it that
 * scripts may read their cookie, or that it is sent without TLS: Limpet's need not be. Throws TypeError for an attribute that no cookie
 * can have. `now`: Unix ms.
 */
export function settingsOf(cookie: unknown, isSessionCookie: boolean, now: number): CookieSettings {
  const { originalMaxAge, expires, path, domain, sameSite, secure, partitioned } = Object(cookie);
  const found: { -readonly [Name in keyof SessionCookieOptions]: SessionCookieOptions[Name] } = {};
  const ageMs = typeof originalMaxAge === 'number' ? originalMaxAge : Date.parse(String(expires)) - now;
  if (ageMs > 0) found.maxAge = Math.ceil(ageMs / 1000);
  else if (isSessionCookie) found.maxAge = null;
  if (typeof path === 'string' && path !== '/') found.path = path;
  if (typeof domain === 'string' && domain !== '') found.domain = domain;
  const site = sameSite === true ? 'strict' : typeof sameSite === 'string' ? sameSite.toLowerCase() : '';
  if (site === 'strict' || site === 'lax' || site === 'none') found.sameSite = site;
  if (secure === true) found.secure = true;
  if (partitioned === true) found.partitioned = true;
  return checkCookie(found, now);
}
