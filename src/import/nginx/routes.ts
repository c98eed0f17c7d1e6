/** Routes of an nginx.conf as they are gathered, and what single directives say to them. */

import type { Directive } from '../directive.ts';
import { isTemplate, templated } from '../template.ts';
import { hostRank, type Match } from './locations.ts';
import type { PoolDraft } from './upstream.ts';

export interface RouteDraft {
  /** Where it holds: a key of a place. */
  readonly place: string;
  readonly host: string;
  readonly match: Match;
  readonly rank: number;
  readonly pool: PoolDraft;
  /** A name of the default server, which has the same route for every host. */
  readonly named: boolean;
}

export type Written = { readonly match: Record<string, unknown>; readonly pool: string };

export function writeRoute({ host, match, pool }: RouteDraft): Written {
  return { match: { ...(host === '' ? {} : { host }), ...(match.path === '/' ? {} : match) }, pool: pool.name };
}

export function sortedRoutes(routes: readonly RouteDraft[]): RouteDraft[] {
  const length = ({ match }: RouteDraft) => match.path?.length ?? 0;
  const stars = routes.filter(({ host }) => host.startsWith('*.'));
  // The default server serves every host: its own names need routes only where another server's pattern would take them.
  const needed = routes.filter(({ host, named }) => !named || stars.some((star) => host.endsWith(star.host.slice(1))));
  return needed.toSorted((a, b) => hostRank(b.host) - hostRank(a.host) || b.rank - a.rank || length(b) - length(a));
}

/** One `proxy_set_header` replaces all those of outer blocks. */
export function setsHost(inner: readonly Directive[], outer: boolean): boolean {
  const own = inner.filter(({ name }) => name === 'proxy_set_header');
  return own.length === 0 ? outer : own.some(({ args }) => args[0]?.toLowerCase() === 'host');
}

export function everyPass(directive: Directive): Directive[] {
  return directive.name === 'proxy_pass' ? [directive] : (directive.block ?? []).flatMap(everyPass);
}

/** `set $name text` whose text holds no other variable. */
export function valuesOf(
  directives: readonly Directive[],
  outer: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const found = new Map(outer);
  for (const { name, args } of directives) {
    const [variable = '', value = ''] = args;
    if (name === 'set' && !value.includes('$')) found.set(variable, value);
  }
  return found;
}

/** `try_files $uri @app`: the server behind what is no file. */
export function fallbackOf(inner: readonly Directive[], fallbacks: ReadonlyMap<string, Directive>) {
  const tried = inner.find(({ name }) => name === 'try_files');
  const location = fallbacks.get(tried?.args.at(-1) ?? '');
  const pass = location?.block?.find(({ name }) => name === 'proxy_pass');
  return location === undefined || pass === undefined ? null : { location, pass };
}

/** `match NAME { status 200; body ~ "text"; }` */
export function readMatch(block: Directive | undefined): {
  fields: Record<string, unknown>;
  without: readonly Directive[];
} {
  const fields: Record<string, unknown> = {};
  const without: Directive[] = [];
  for (const directive of block?.block ?? []) {
    const { name, args } = directive;
    const plain = args[0] === '~' && args.length === 2 && /^[\w\s:",{}'/-]+$/.test(args[1] ?? '');
    if (name === 'status' && args.every((one) => /^[1-5][0-9]{2}(?:-[1-5][0-9]{2})?$/.test(one)))
      fields.status = args.join(',');
    else if (name === 'body' && plain) fields.body = args[1];
    else without.push(directive);
  }
  return { fields, without };
}

export function sameMatch(a: Match, b: Match): boolean {
  const path = (match: Match) => (match.path ?? '/').replace(/(?<=.)\/+$/, '');
  return path(a) === path(b) && (a.extensions ?? []).join() === (b.extensions ?? []).join();
}

/** `http://host:port/path`. The path is '' when there is none. */
export function targetOf(url: string): { readonly host: string; readonly path: string } | { readonly why: string } {
  if (isTemplate(url)) return { why: templated(url) };
  if (url.includes('$')) return { why: `the server of ${url} is known only when a request comes` };
  if (/^https:/i.test(url)) return { why: 'TLS to servers is not spoken here' };
  const [, unix, unixPath = ''] = /^http:\/\/(unix:[^:]+)(?::(.*))?$/is.exec(url) ?? [];
  if (unix !== undefined) return { host: unix, path: unixPath };
  const [, host = '', path = ''] = /^http:\/\/([^/]*)(.*)$/is.exec(url) ?? [];
  return host === '' ? { why: `${url} is no http:// address` } : { host, path };
}
