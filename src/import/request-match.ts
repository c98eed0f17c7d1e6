/** What a route matches, with the operations that nested conditions need: intersection and alternatives. */

import { narrowerHost } from '../config/host-pattern.ts';
import { commonReasons } from './common-reasons.ts';

export interface RequestMatch {
  /** '' for any host. */
  readonly host: string;
  readonly path: string;
  /** The condition means this path only. A route matches the paths below it too. */
  readonly exact: boolean;
  readonly methods: readonly string[];
  readonly extensions: readonly string[];
}

/** Requests that meet one of these. A string is the reason why no route can express the condition. */
export type Alternatives = readonly RequestMatch[] | string;

export const anyRequest: RequestMatch = { host: '', path: '/', exact: false, methods: [], extensions: [] };

/** No person writes a matcher with more alternatives. */
const maxAlternatives = 256;

/** The requests that both match; null if there are none. */
export function intersect(a: RequestMatch, b: RequestMatch): RequestMatch | null {
  const host = narrowerHost(a.host, b.host);
  const path = narrowerPath(a, b);
  const methods = intersectLists(a.methods, b.methods);
  const extensions = intersectLists(a.extensions, b.extensions);
  return host === null || path === null || methods === null || extensions === null
    ? null
    : { host, ...path, methods, extensions };
}

export function intersectAll(a: Alternatives, b: Alternatives): Alternatives {
  if (typeof a === 'string') return a;
  if (typeof b === 'string') return b;
  const found = a.flatMap((one) => b.flatMap((two) => intersect(one, two) ?? []));
  return found.length > maxAlternatives ? `it has more than ${maxAlternatives} alternatives` : found;
}

function narrowerPath(a: RequestMatch, b: RequestMatch): { path: string; exact: boolean } | null {
  const [wide, narrow] = b.path.length > a.path.length || (b.path === a.path && b.exact) ? [a, b] : [b, a];
  if (wide.exact ? narrow.path !== wide.path : !narrow.path.startsWith(wide.path)) return null;
  return { path: narrow.path, exact: narrow.exact };
}

/** An empty list matches everything. Returns null if no value is in both lists. */
export function intersectLists(a: readonly string[], b: readonly string[]): readonly string[] | null {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const shared = a.filter((one) => b.includes(one));
  return shared.length === 0 ? null : shared;
}

/** A description for people. */
export function describeMatches(found: Alternatives, matcher: string): string {
  if (typeof found === 'string') return matcher;
  const texts = found.slice(0, 5).map(({ host, path, extensions, methods }) => {
    const ends = extensions.map((one) => `*.${one}`).join(' ');
    return [...methods, `${host === '' ? '*' : host}${path}${ends}`].join(' ');
  });
  return texts.join(', ') + (found.length > 5 ? ' and more' : '');
}

/** How the match of a route differs from it; null if it does not. */
export function differenceOf({ path, exact }: RequestMatch): string | null {
  if (exact) return `paths below ${path} match too`;
  return path.endsWith('/') ? null : commonReasons.wholeSegments;
}
