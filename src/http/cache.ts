/**
 * What caches may do with a response (RFC 9111). A cache that stores a response together with one user's
 * cookie hands that user's session to everyone.
 */
import { equalsIgnoreCase } from './bytes.ts';
import type { ResponseHead } from './head.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';
import type { Splice } from './splice.ts';

/**
 * Statuses that a cache may store without being told (RFC 9110 section 15.1, RFC 7725 section 3). A 304 is not stored itself: its
 * fields, the cookie among them, become those of the response that is (RFC 9111 sections 3.2 and 4.3.4).
 */
const stored = new Set([200, 203, 204, 206, 300, 301, 304, 308, 404, 405, 410, 414, 451, 501]);

/** Not for shared caches. `private="field"` limits one field only; the rest of the response stays cacheable. */
function isPrivate(directives: readonly string[]): boolean {
  // A cache that understands the status ignores `no-store` beside `must-understand` (RFC 9111 section 5.2.2.3).
  const mayStore = directives.some((directive) => nameOf(directive) === 'must-understand');
  return directives.some((directive) => {
    const name = nameOf(directive);
    return (name === 'no-store' && !mayStore) || (name === 'private' && !directive.includes('='));
  });
}

function isShared(directive: string): boolean {
  const name = nameOf(directive);
  return name === 'public' || name === 's-maxage' || name === 'private' || name === 'proxy-revalidate';
}

function nameOf(directive: string): string {
  return directive.split('=', 1)[0]!.trim().toLowerCase();
}

const targets = '-cache-control';

/**
 * Some caches have a header of their own, which counts more for them than Cache-Control: `CDN-Cache-Control` and others of that form (RFC 9213),
 * Surrogate-Control (Edge Architecture), X-Accel-Expires (nginx).
 */
function isTargeted(headers: Headers, i: number): boolean {
  const id = headers.id(i);
  if (id !== Name.other) return id === Name.cdnCacheControl || id === Name.surrogateControl;
  const [start, end] = [headers.lineStart(i), headers.nameEnd(i)];
  if (equalsIgnoreCase(headers.bytes, start, end, 'x-accel-expires')) return true;
  const suffix = end - targets.length;
  return suffix > start && equalsIgnoreCase(headers.bytes, suffix, end, targets);
}

function hasTargeted(headers: Headers): boolean {
  for (let i = 0; i < headers.count; i++) if (isTargeted(headers, i)) return true;
  return false;
}

/** The directives of all Cache-Control headers. A comma within quotes does not separate. */
function directivesOf(headers: Headers): string[] {
  const directives: string[] = [];
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) !== Name.cacheControl) continue;
    for (const [directive] of headers.value(i).matchAll(/(?:"(?:\\.|[^"\\])*"?|[^,"])+/g))
      directives.push(directive.trim());
  }
  return directives;
}

/** A shared cache may store the response, or may update a stored one by it. */
export function isCacheable({ headers, status }: ResponseHead): boolean {
  if (hasTargeted(headers)) return true;
  const directives = directivesOf(headers);
  if (isPrivate(directives)) return false;
  return stored.has(status) || directives.length > 0 || headers.has(Name.expires);
}

/**
 * Prepares the response for a Set-Cookie: true when shared caches may not store it, or when it was changed so. With `change` false, a
 * response that may be stored, or may update a stored one, is not changed, and the answer is false: it must not get a cookie.
 */
export function makePrivate(response: ResponseHead, change: boolean, edit: Splice): boolean {
  if (!isCacheable(response)) return true;
  if (!change) return false;
  const { headers } = response;
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) === Name.cacheControl || isTargeted(headers, i)) edit.cutLine(headers, i);
  }
  const kept = directivesOf(headers).filter((directive) => directive !== '' && !isShared(directive));
  edit.add(`Cache-Control: ${['private', ...kept].join(', ')}`);
  return true;
}
