/** `location` and `server_name` as matches of routes. */

import type { Directive } from '../directive.ts';
import { extensionsOf, hostPattern, routePath } from '../values.ts';

export interface Match {
  readonly path?: string;
  readonly extensions?: readonly string[];
}

/** `rank`: regular expressions go before exact paths, and these before prefixes. */
export type Located =
  | { readonly match: Match; readonly rank: number; readonly change: string }
  | { readonly why: string };

export function locate({ args }: Directive): Located {
  const [first = '', second] = args;
  const joined = /^(=|\^~|~\*?)(?=\S)(.+)$/.exec(first);
  const [modifier, text] = second !== undefined ? [first, second] : joined ? [joined[1], joined[2] ?? ''] : ['', first];
  if (modifier === '~' || modifier === '~*') return locatePattern(text);
  if (text.startsWith('@')) return { why: 'it is a named location, to which only nginx itself sends requests' };
  const path = routePath(text);
  if (path === null) return { why: `"${text}" is no path that a route can have` };
  if (modifier === '=') {
    if (path === '/') return { why: 'it matches / alone, and routes match prefixes' };
    return { match: { path }, rank: 2, change: `paths below ${path} match too` };
  }
  if (modifier !== '' && modifier !== '^~') return { why: `"${modifier}" is not known to this importer` };
  const change = path.endsWith('/') ? '' : `whole segments are matched: not ${path}x`;
  return { match: { path }, rank: 1, change };
}

/** `\.(css|js)$` is a list of extensions, `^/api/` is a prefix. */
function locatePattern(pattern: string): Located {
  const extensions = extensionsOf(pattern);
  if (extensions.length > 0) return { match: { extensions }, rank: 3, change: '' };
  const [, prefix] = /^\^(\/[\w/-]*)$/.exec(pattern) ?? [];
  if (prefix !== undefined) return { match: { path: prefix }, rank: 3, change: 'whole segments are matched' };
  return { why: 'it is a regular expression, and routes match prefixes and extensions' };
}

export interface Names {
  /** '' for every host. */
  readonly hosts: readonly string[];
  readonly changes: readonly string[];
}

export function readNames(args: readonly string[]): Names {
  const hosts = new Set<string>();
  const changes: string[] = [];
  for (const name of args) {
    // Names that no client sends. They mark the default server.
    if (name === '_' || name === '__' || name === '""' || name === '') continue;
    const bare = name.startsWith('.') ? name.slice(1) : name;
    const host = hostPattern(bare);
    if (host === null || name.startsWith('~')) changes.push(`${name} is left out: it is no host and no *.host`);
    else {
      hosts.add(host);
      if (name.startsWith('.') && hostPattern(`*.${host}`) !== null) hosts.add(`*.${host}`);
    }
  }
  return { hosts: Array.from(hosts), changes };
}

/** An exact host goes before patterns, and a longer pattern before a shorter one. */
export function hostRank(host: string): number {
  if (host === '') return 0;
  return host.startsWith('*.') ? host.length : 1000;
}
