/**
 * What caches may do with a response (RFC 9111). A cache that stores a response together with one user's
 * cookie hands that user's session to everyone.
 */
import type { ResponseHead } from './head.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';
import type { Splice } from './splice.ts';

/** Statuses that a cache may store without being told (RFC 9110 section 15.1). */
const heuristic = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** Directives by which a response is not for shared caches. */
function isPrivate(directive: string): boolean {
  const name = directive.split('=', 1)[0]!.trim().toLowerCase();
  // `private="field"` limits one field only; the rest of the response stays cacheable.
  return name === 'no-store' || (name === 'private' && !directive.includes('='));
}

function isShared(directive: string): boolean {
  const name = directive.split('=', 1)[0]!.trim().toLowerCase();
  return name === 'public' || name === 's-maxage' || name === 'private' || name === 'proxy-revalidate';
}

/** Caches that have a header of their own (RFC 9213, Edge Architecture) believe it over Cache-Control. */
function isTargeted(id: number): boolean {
  return id === Name.cdnCacheControl || id === Name.surrogateControl;
}

/** The directives of all Cache-Control headers; a comma within quotes parts nothing. */
function directivesOf(headers: Headers): string[] {
  const directives: string[] = [];
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) !== Name.cacheControl) continue;
    for (const [directive] of headers.value(i).matchAll(/(?:"(?:\\.|[^"\\])*"?|[^,"])+/g))
      directives.push(directive.trim());
  }
  return directives;
}

/**
 * Makes room for a Set-Cookie: true when the response is not for shared caches, or has been made so. With
 * `change` false a cacheable response is left alone, and the answer is false: no cookie on it.
 */
export function makePrivate(response: ResponseHead, change: boolean, edit: Splice): boolean {
  const headers = response.headers;
  const directives = directivesOf(headers);
  const targeted = headers.has(Name.cdnCacheControl) || headers.has(Name.surrogateControl);
  if (!targeted && directives.some(isPrivate)) return true;
  const cacheable = targeted || heuristic.has(response.status) || directives.length > 0 || headers.has(Name.expires);
  if (!cacheable) return true;
  if (!change) return false;
  for (let i = 0; i < headers.count; i++) {
    if (headers.id(i) === Name.cacheControl || isTargeted(headers.id(i))) edit.cutLine(headers, i);
  }
  const kept = directives.filter((directive) => directive !== '' && !isShared(directive));
  edit.add(`Cache-Control: ${['private', ...kept].join(', ')}`);
  return true;
}
