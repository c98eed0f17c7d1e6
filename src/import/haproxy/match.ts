/** Matches of routes as sets: what an ACL says is any of several, and conditions are made of them. */
import { narrowerHost } from '../../config/host-pattern.ts';

/** As in `routes[].match`, with everything filled: '' or none stands for anything. */
export interface Match {
  readonly host: string;
  readonly path: string;
  readonly methods: readonly string[];
  readonly extensions: readonly string[];
}

export const anyRequest: Match = { host: '', path: '/', methods: [], extensions: [] };

/** All of it in one route's match; null: no request is both. */
export function intersect(a: Match, b: Match): Match | null {
  const host = narrowerHost(a.host, b.host);
  const path = narrowerPath(a.path, b.path);
  const methods = common(a.methods, b.methods);
  const extensions = common(a.extensions, b.extensions);
  return host === null || path === null || methods === null || extensions === null
    ? null
    : { host, path, methods, extensions };
}

function narrowerPath(a: string, b: string): string | null {
  const below = (path: string, prefix: string) => prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
  return below(a, b) ? a : below(b, a) ? b : null;
}

/** An empty list stands for everything; null: nothing is in both. */
function common(a: readonly string[], b: readonly string[]): readonly string[] | null {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const found = a.filter((one) => b.includes(one));
  return found.length === 0 ? null : found;
}

/** Each with each, in the order of `a`. */
export function intersectAll(a: readonly Match[], b: readonly Match[]): Match[] {
  return a.flatMap((one) => b.flatMap((other) => intersect(one, other) ?? []));
}

export function sameMatch(a: Match, b: Match): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** As a person writes it: without what stands for anything. Undefined: every request. */
export function writeMatch({ host, path, methods, extensions }: Match): Record<string, unknown> | undefined {
  const written = {
    ...(host !== '' && { host }),
    ...(path !== '/' && { path }),
    ...(methods.length > 0 && { methods }),
    ...(extensions.length > 0 && { extensions }),
  };
  return Object.keys(written).length === 0 ? undefined : written;
}
