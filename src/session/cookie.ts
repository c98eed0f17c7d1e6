/** The session cookie of the strategies that have one of their own: found in a request, written into a response. */
import type { FilledOptions } from './options.ts';
import type { Incoming, Lines } from './session.ts';

/**
 * Values that are tried, each at the price of a look into the store or of a decryption. A browser sends several when it holds
 * them for other paths or domains, and never so many.
 */
export const mostTried = 8;

/** An id as the strategies give them out. */
export const idShape = /^[0-9a-f]{32}$/;

/** The first values of that name that have the shape, `mostTried` of them. */
export function readCookies(incoming: Incoming, name: string, shape: RegExp): string[] {
  const found: string[] = [];
  for (const pair of (incoming.header('cookie') ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals <= 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    if (!shape.test(value)) continue;
    if (found.push(value) === mostTried) break;
  }
  return found;
}

/** Whether the client speaks TLS. A false X-Forwarded-Proto only makes the liar's own cookie Secure. */
export function isSecure(incoming: Incoming): boolean {
  return incoming.tls || /^https\b/i.test(incoming.header('x-forwarded-proto') ?? '');
}

/** The Set-Cookie line; an empty value deletes the cookie. `secure`: the client speaks TLS. */
export function writeCookie({ cookie, idle }: FilledOptions, value: string, secure: boolean): Lines {
  const parts = [`${cookie.name}=${value}`, `Path=${cookie.path}`];
  if (cookie.domain !== '') parts.push(`Domain=${cookie.domain}`);
  if (value === '') parts.push('Max-Age=0');
  else if (cookie.permanent) parts.push(`Max-Age=${Math.ceil(idle / 1000)}`);
  if (cookie.httpOnly) parts.push('HttpOnly');
  if (cookie.secure === true || (cookie.secure === 'auto' && secure)) parts.push('Secure');
  parts.push(`SameSite=${{ lax: 'Lax', strict: 'Strict', none: 'None' }[cookie.sameSite]}`);
  if (cookie.partitioned) parts.push('Partitioned');
  return [
    ['Set-Cookie', parts.join('; ')],
    // Else a cache may give one user's cookie to all.
    ['Cache-Control', 'private'],
  ];
}
