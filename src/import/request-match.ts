/** What a route matches, being narrowed by one condition after another, in the families whose conditions are nested. */
import { narrowerHost } from '../config/host-pattern.ts';

export interface RequestMatch {
  /** '' any. */
  readonly host: string;
  readonly path: string;
  /** This path alone, of which a route would take what is below it too. */
  readonly exact: boolean;
  readonly methods: readonly string[];
  readonly extensions: readonly string[];
}

/** Any of these. A string: no route can say it, and why. */
export type Alternatives = readonly RequestMatch[] | string;

export const anyRequest: RequestMatch = { host: '', path: '/', exact: false, methods: [], extensions: [] };

/** More alternatives are no matcher that a person has written. */
const maxAlternatives = 256;

/** What both take. null: nothing. */
export function intersect(a: RequestMatch, b: RequestMatch): RequestMatch | null {
  const host = narrowerHost(a.host, b.host);
  const path = narrowerPath(a, b);
  const methods = common(a.methods, b.methods);
  const extensions = common(a.extensions, b.extensions);
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

function common(a: readonly string[], b: readonly string[]): readonly string[] | null {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const shared = a.filter((one) => b.includes(one));
  return shared.length === 0 ? null : shared;
}

/** For people. */
export function describeMatches(found: Alternatives, matcher: string): string {
  if (typeof found === 'string') return matcher;
  const texts = found.slice(0, 5).map(({ host, path, extensions, methods }) => {
    const ends = extensions.map((one) => `*.${one}`).join(' ');
    return [...methods, `${host === '' ? '*' : host}${path}${ends}`].join(' ');
  });
  return texts.join(', ') + (found.length > 5 ? ' and more' : '');
}

/** What a route makes of it that is not quite the same. */
export function differenceOf({ path, exact }: RequestMatch): string | null {
  if (exact) return `paths below ${path} match too`;
  return path.endsWith('/') ? null : 'prefixes are matched by whole segments: /a/b, not /ab';
}
