/** Which route serves a request: by host, path prefix, method and extension, the first that matches. */
import type { RequestHead } from '../http/head.ts';
import { Name } from '../http/names.ts';
import type { Pool } from './pool.ts';

export interface Route {
  readonly pool: Pool;
  /** False: `affinity: none`. */
  readonly affinity: boolean;
}

/** `R`: what a match gives. */
export interface RouteRule<R = Route> {
  /** Lower case, without port; `*.example.org` for its subdomains; '' any. */
  readonly host: string;
  /** Prefix on whole segments: /a matches /a and /a/b, not /ab. */
  readonly path: string;
  /** Any of these; none: every method. */
  readonly methods?: readonly string[];
  /** What the path ends in, one of these, lower case without the dot; none: anything. */
  readonly extensions?: readonly string[];
  readonly route: R;
}

export function createRouter<R = Route>(rules: readonly RouteRule<R>[]): (head: RequestHead) => R | null {
  const [only] = rules;
  // The usual config has one route for everything: nothing of the request has to be read.
  if (rules.length === 1 && only !== undefined && isCatchAll(only)) return () => only.route;
  return (head) => {
    const host = requestHost(head);
    const path = pathOf(head);
    for (const rule of rules) {
      if (!matchesHost(rule.host, host) || !matchesPath(rule.path, path)) continue;
      if (matchesMethod(rule, head) && matchesExtension(rule, path)) return rule.route;
    }
    return null;
  };
}

/** Of a route's `match.listeners`; none: every listener. */
export function isForListener(listeners: readonly string[], address: string): boolean {
  return listeners.length === 0 || listeners.includes(address);
}

function isCatchAll({ host, path, methods = [], extensions = [] }: RouteRule<unknown>): boolean {
  return host === '' && path === '/' && methods.length === 0 && extensions.length === 0;
}

function matchesMethod({ methods = [] }: RouteRule<unknown>, head: RequestHead): boolean {
  return methods.length === 0 || methods.includes(head.bytes.toString('latin1', head.methodStart, head.methodEnd));
}

function matchesExtension({ extensions = [] }: RouteRule<unknown>, path: string): boolean {
  if (extensions.length === 0) return true;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot >= 0 && extensions.includes(name.slice(dot + 1).toLowerCase());
}

/** Host of the request in lower case, without port. */
function requestHost(head: RequestHead): string {
  const text =
    head.authorityStart < head.authorityEnd
      ? head.bytes.toString('latin1', head.authorityStart, head.authorityEnd)
      : (head.headers.valueOf(Name.host) ?? '');
  return text.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

/**
 * The path by which we route, as a server will understand it: percent-encoding of unreserved characters and dot
 * segments resolved (RFC 3986 section 6.2.2), so that /assets/..%2fadmin is not taken for an asset. The request
 * itself is passed on as it came.
 */
function pathOf(head: RequestHead): string {
  const target = head.bytes.toString('latin1', head.pathStart, head.pathEnd);
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (!/[%;\\]|\/\.|\/\//.test(path)) return path === '' ? '/' : path;
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  const segments: string[] = [];
  const parts = decoded.replaceAll('\\', '/').split('/');
  for (let i = 1; i < parts.length; i++) {
    // Parameters of a segment are no part of its name: Tomcat reads `..;x` as `..`.
    const semicolon = parts[i]!.indexOf(';');
    const part = semicolon < 0 ? parts[i]! : parts[i]!.slice(0, semicolon);
    const last = i === parts.length - 1;
    if (part === '..') segments.pop();
    if (part === '.' || part === '..') {
      if (last) segments.push('');
    } else if (part !== '' || last) segments.push(part);
  }
  return `/${segments.join('/')}`;
}

function matchesHost(rule: string, host: string): boolean {
  if (rule === '' || rule === host) return true;
  return rule.startsWith('*.') && host.endsWith(rule.slice(1)) && host.length > rule.length - 1;
}

function matchesPath(rule: string, path: string): boolean {
  if (rule === '/' || rule === path) return true;
  if (!path.startsWith(rule)) return false;
  return rule.endsWith('/') || path[rule.length] === '/';
}
