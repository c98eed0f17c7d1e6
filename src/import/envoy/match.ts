/** `match` of a route and domains of a virtual host of Envoy as matches that a route of ours can have. */

import { type Alternatives, anyRequest } from '../request-match.ts';
import { hostPattern, routePath } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { at, textAt } from './fields.ts';

/** '' any. A string with a blank before it: why it is none. */
export function readDomain(text: string): { readonly host: string } | { readonly why: string } {
  if (text === '*') return { host: '' };
  // Ports are no part of a host here.
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
  if (exact !== null && path === '/') return 'a route for the path / alone would take every path';
  return [{ ...base, path, exact: exact !== null }];
}

/** Endings such as `.*\.(css|js)$` and beginnings such as `/api/.*` are no real patterns: the whole path has to fit. */
function readPattern(pattern: string, base: typeof anyRequest): Alternatives {
  const [, list] = /^\^?\/?\.[*+]\\\.\(?(?:\?:)?([\w|-]+)\)?\$?$/.exec(pattern) ?? [];
  const extensions = list?.split('|').filter((one) => /^[\w-]{1,32}$/.test(one)) ?? [];
  if (extensions.length > 0) return [{ ...base, extensions }];
  const [, prefix] = /^\^?(\/(?:[\w/-]*\/)?)\.\*\$?$/.exec(pattern) ?? [];
  return prefix === undefined ? `no route can say the pattern ${pattern}` : [{ ...base, path: prefix }];
}

/** Of headers a route looks at the method alone. */
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

/** What a route makes of it that is not quite the same. */
export function matchChange(match: Part | null): string | null {
  const exact = textAt(match, 'path');
  const prefix = textAt(match, 'prefix');
  if (exact !== null) return `paths below ${exact} match too`;
  return prefix === null || prefix.endsWith('/') ? null : 'prefixes are matched by whole segments: /a/b, not /ab';
}
