/** Matches of routes, with the operations on them that conditions need. */
import { narrowerHost } from '../../config/host-pattern.ts';
import { intersectLists } from '../request-match.ts';

/** As in `routes[].match`, with all fields set: '' or an empty list matches anything. */
export interface Match {
  readonly host: string;
  readonly path: string;
  readonly methods: readonly string[];
  readonly extensions: readonly string[];
}

export const anyRequest: Match = { host: '', path: '/', methods: [], extensions: [] };

/** The requests that both match; null if there are none. */
export function intersect(a: Match, b: Match): Match | null {
  const host = narrowerHost(a.host, b.host);
  const path = narrowerPath(a.path, b.path);
  const methods = intersectLists(a.methods, b.methods);
  const extensions = intersectLists(a.extensions, b.extensions);
  return host === null || path === null || methods === null || extensions === null
    ? null
    : { host, path, methods, extensions };
}

function narrowerPath(a: string, b: string): string | null {
  const below = (path: string, prefix: string) => prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
  return below(a, b) ? a : below(b, a) ? b : null;
}

/** Each of `a` with each of `b`, in the order of `a`. */
export function intersectAll(a: readonly Match[], b: readonly Match[]): Match[] {
  return a.flatMap((one) => b.flatMap((other) => intersect(one, other) ?? []));
}

export function sameMatch(a: Match, b: Match): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Without the fields that match anything; undefined if all of them do. */
export function writeMatch({ host, path, methods, extensions }: Match): Record<string, unknown> | undefined {
  const written = {
    ...(host !== '' && { host }),
    ...(path !== '/' && { path }),
    ...(methods.length > 0 && { methods }),
    ...(extensions.length > 0 && { extensions }),
  };
  return Object.keys(written).length === 0 ? undefined : written;
}
