/** `match` of a route and the domains of a virtual host of Envoy as matches of routes. */

import { commonReasons } from '../common-reasons.ts';
import { type Alternatives, anyRequest } from '../request-match.ts';
import { hostPattern, routePath } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { at, textAt } from './fields.ts';

/** The host is '' for any. */
export function readDomain(text: string): { readonly host: string } | { readonly why: string } {
  if (text === '*') return { host: '' };
  // A route matches the host without the port.
  const host = text.toLowerCase().replace(/:(?:\d{1,5}|\*)$/, '');
  if (host.startsWith('*') && !host.startsWith('*.')) return { why: `no route can say ${text}` };
  return hostPattern(host) === null || /.\*/.test(host) ? { why: `no route can say ${text}` } : { host };
}

const unsupported = [
  'query_parameters',
  'grpc',
  'dynamic_metadata',
  'tls_context',
  'connect_matcher',
  'filter_state',
  'cookies',
];

export function readMatch(match: Part | null): Alternatives {
  const other = unsupported.find((key) => at(match, key) !== null);
  if (other !== undefined) return `no route can look at ${other}`;
  const methods = methodsIn(at(match, 'headers'));
  if (typeof methods === 'string') return methods;
  const base = { ...anyRequest, methods };
  const prefix = textAt(match, 'prefix');
  const whole = textAt(match, 'path_separated_prefix');
  const exact = textAt(match, 'path');
  const pattern = textAt(match, 'safe_regex', 'regex') ?? textAt(match, 'regex');
  if (pattern !== null) return readPattern(pattern, base);
  const path = routePath(prefix ?? whole ?? exact ?? '/');
  if (path === null) return 'no request has such a path';
  if (exact !== null && path === '/') return commonReasons.rootAlone;
  return [{ ...base, path, exact: exact !== null }];
}

/** A pattern must match the whole path. `.*\.(css|js)$` is a list of extensions, `/api/.*` is a prefix. */
function readPattern(pattern: string, base: typeof anyRequest): Alternatives {
  const [, list] = /^\^?\/?\.[*+]\\\.\(?(?:\?:)?([\w|-]+)\)?\$?$/.exec(pattern) ?? [];
  const extensions = list?.split('|').filter((one) => /^[\w-]{1,32}$/.test(one)) ?? [];
  if (extensions.length > 0) return [{ ...base, extensions }];
  const [, prefix] = /^\^?(\/(?:[\w/-]*\/)?)\.\*\$?$/.exec(pattern) ?? [];
  return prefix === undefined ? `no route can say the pattern ${pattern}` : [{ ...base, path: prefix }];
}

/** The method is the only pseudo-header that a route can match. */
function methodsIn(headers: Part | null): readonly string[] | string {
  const methods: string[] = [];
  for (const header of headers?.items() ?? []) {
    const name = textAt(header, 'name') ?? '';
    const value = textAt(header, 'string_match', 'exact') ?? textAt(header, 'exact_match');
    if (
      name !== ':method' ||
      value === null ||
      !/^[A-Z-]{1,32}$/.test(value) ||
      textAt(header, 'invert_match') === 'true'
    ) {
      return `no route can look at the header ${name}`;
    }
    methods.push(value);
  }
  return methods.length > 1 && new Set(methods).size > 1 ? 'no request has two methods' : methods.slice(0, 1);
}

export function carryMatch(match: Part | null): void {
  match?.carryAll();
  if (textAt(match, 'case_sensitive') === 'false')
    at(match, 'case_sensitive')?.change('letters of paths count as they are');
}

/** How the match of a route differs from it; null if it does not. */
export function matchChange(match: Part | null): string | null {
  const exact = textAt(match, 'path');
  const prefix = textAt(match, 'prefix');
  if (exact !== null) return `paths below ${exact} match too`;
  return prefix === null || prefix.endsWith('/') ? null : commonReasons.wholeSegments;
}
