/** `ip_hash`, `hash` and `sticky` of an upstream as affinities. */

import { commonReasons } from '../common-reasons.ts';
import type { Directive } from '../directive.ts';
import { isReservedName } from '../names.ts';
import { hostPattern, isToken, maxAgeMs, routePath } from '../values.ts';
import { timeOf } from './values.ts';

/** Entries of `affinity` with the differences, or the reason why there are none. */
export type Stickiness =
  | { readonly entries: readonly Entry[]; readonly changes: readonly string[] }
  | { readonly why: string };
export type Entry = Readonly<Record<string, unknown>>;

export interface NamedServer {
  readonly name: string;
  /** `route=` of its line; '' for none. */
  readonly route: string;
}

/** The part of a request from which an affinity takes its key. */
interface Source {
  readonly from: 'cookie' | 'header' | 'query' | 'path' | 'address';
  readonly name: string;
  readonly change: string;
}

/** nginx ignores the case of cookie names, so configs often write these in lower case. */
const knownCookies: Readonly<Record<string, string>> = { jsessionid: 'JSESSIONID', phpsessid: 'PHPSESSID' };

/** `$cookie_sid` and similar variables; null if no affinity can take its key from there. */
function sourceOf(variable: string): Source | null {
  const [, kind = '', rest = ''] =
    /^\$\{?(cookie_|http_|arg_|upstream_cookie_|upstream_http_)(\w+)\}?$/.exec(variable) ?? [];
  if (kind.endsWith('cookie_')) {
    const name = knownCookies[rest] ?? rest;
    const change = name === rest ? '' : `nginx ignores the case of the name; here it is ${name}`;
    return { from: 'cookie', name, change };
  }
  if (kind.endsWith('http_')) {
    const change =
      rest === 'x_forwarded_for'
        ? 'the whole header is the key: source-ip with trustedProxies would read the one address out of it'
        : '';
    return { from: 'header', name: headerName(rest), change };
  }
  if (kind === 'arg_') return { from: 'query', name: rest, change: '' };
  if (/^\$(binary_)?remote_addr$/.test(variable)) return { from: 'address', name: '', change: '' };
  if (/^\$(uri|document_uri)$/.test(variable)) return { from: 'path', name: '', change: '' };
  if (variable === '$request_uri') return { from: 'path', name: '', change: 'the key is the path without its query' };
  if (variable === '$host' || variable === '$http_host') return { from: 'header', name: 'Host', change: '' };
  return null;
}

/** `x_user_id` is `X-User-Id`. */
function headerName(variable: string): string {
  return variable
    .split('_')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('-');
}

export function ipHash(): Stickiness {
  // nginx uses the first three octets of an IPv4 address, and the whole IPv6 address.
  return { entries: [{ 'source-ip': { ipv4Prefix: 24, ipv6Prefix: 128 } }], changes: [commonReasons.otherHash] };
}

export function hash({ args }: Directive): Stickiness {
  const [key = '', mode] = args;
  if (mode !== undefined && mode !== 'consistent') return { why: `"${mode}" is not known to this importer` };
  const whole = sourceOf(key);
  // Of a compound key such as `$scheme$proxy_host$request_uri` only the path differs between requests.
  const source = whole ?? sourceOf(/\$(?:request_uri|uri)\b/.exec(key)?.[0] ?? '');
  if (source === null)
    return { why: `the key ${key} is no single cookie, header, parameter, path or address of the request` };
  const changes = [
    commonReasons.otherHash,
    source.change,
    whole === null ? `of the key ${key} the path alone counts` : '',
  ];
  return { entries: [entryOf(source)], changes: changes.filter((change) => change !== '') };
}

function entryOf({ from, name }: Source): Entry {
  switch (from) {
    case 'cookie':
      return { learn: name };
    case 'header':
      return { header: name };
    case 'query':
      return { query: name };
    case 'path':
      return { path: '^(.*)$' };
    case 'address':
      return { 'source-ip': { ipv4Prefix: 32, ipv6Prefix: 128 } };
  }
}

/** `maps`: the `map` blocks of the file, by the variable that they set. */
export function sticky(
  directive: Directive,
  servers: readonly NamedServer[],
  maps: ReadonlyMap<string, Directive>,
): Stickiness {
  const [method = '', ...args] = directive.args;
  if (method === 'cookie') return stickyCookie(args);
  if (method === 'route') return stickyRoute(args, servers, maps);
  if (method === 'learn') return stickyLearn(args);
  // nginx-sticky-module-ng: `sticky;` and `sticky name=route expires=1h`.
  if (method === '' || method.includes('=')) {
    const all = directive.args;
    const name = all.find((arg) => arg.startsWith('name='))?.slice(5) ?? 'route';
    return stickyCookie([name, ...all.filter((arg) => !/^(name|hash|hmac|hmac_key|text|delimiter)=/.test(arg))]);
  }
  return { why: `"sticky ${method}" is not known to this importer` };
}

function stickyCookie([name = '', ...args]: readonly string[]): Stickiness {
  if (!isToken(name)) return { why: `"${name}" is no name of a cookie` };
  const cookie: Record<string, unknown> = { name };
  const changes: string[] = [];
  for (const arg of args) {
    const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(arg) ?? [];
    const age = value === 'max' ? '8760h' : timeOf(value, maxAgeMs);
    const site = /^(strict|lax|none)$/i.test(value) ? value.charAt(0).toUpperCase() + value.slice(1).toLowerCase() : '';
    if (key === 'expires' && age !== null) {
      Object.assign(cookie, { lifetime: 'permanent', absolute: age });
      if (value === 'max') changes.push('expires=max is a year');
    } else if (
      key === 'domain' &&
      hostPattern(value.replace(/^\./, '')) === value.replace(/^\./, '').toLowerCase() &&
      !value.includes('*')
    ) {
      cookie.domain = value.replace(/^\./, '');
    } else if (key === 'path' && routePath(value) !== null && !value.includes(';')) cookie.path = value;
    else if (key === 'secure') cookie.secure = 'always';
    else if (key === 'httponly') continue;
    else if (key === 'samesite' && site !== '') cookie.sameSite = site;
    else changes.push(`"${arg}" is left out: it is no value that a cookie here can have`);
  }
  if (/^__Host-/i.test(name) && (cookie.domain !== undefined || (cookie.path ?? '/') !== '/')) {
    delete cookie.domain;
    delete cookie.path;
    changes.push('with a name that begins with __Host- the path is / and there is no domain');
  }
  if (!args.includes('httponly')) changes.push('the cookie is HttpOnly');
  return { entries: [{ cookie }], changes };
}

function stickyLearn(args: readonly string[]): Stickiness {
  const learn: Record<string, unknown> = {};
  const changes: string[] = [];
  let idle = '10m';
  for (const arg of args) {
    const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(arg) ?? [];
    const source = sourceOf(value);
    if (key === 'create' || key === 'lookup') {
      const from = source?.from;
      const fits = from === 'cookie' || from === 'header' || (from === 'query' && key === 'lookup');
      if (source === null || !fits) changes.push(`${arg} is left out: it is no cookie, header or parameter`);
      else if (learn[from] === undefined) {
        learn[from] = source.name;
        if (source.change !== '') changes.push(source.change);
      } else if (String(learn[from]).toLowerCase() !== source.name.toLowerCase()) {
        changes.push(`${arg} is left out: one ${from} is learned, ${String(learn[from])}`);
      }
    } else if (key === 'timeout') idle = timeOf(value, maxAgeMs) ?? idle;
    // All pools and all workers share one session table in any case.
    else if (key !== 'zone' && key !== 'sync' && key !== 'header')
      changes.push(`"${arg}" is not known to this importer`);
  }
  if (Object.keys(learn).length === 0) return { why: 'it names no cookie, header or parameter from which to learn' };
  return { entries: [{ learn: { ...learn, idle } }], changes: Array.from(new Set(changes)) };
}

function stickyRoute(
  variables: readonly string[],
  servers: readonly NamedServer[],
  maps: ReadonlyMap<string, Directive>,
): Stickiness {
  const routed = servers.filter(({ route }) => route !== '' && !isReservedName(route) && !route.includes('*'));
  if (routed.length === 0) return { why: 'no server of the upstream has route=' };
  const entries: Entry[] = [];
  const changes: string[] = [];
  for (const variable of variables) {
    const found = routeSource(variable, maps);
    if (found === null) {
      changes.push(`${variable} is left out: it is neither a cookie, header or parameter nor the ending of one`);
      continue;
    }
    const { source, prefix } = found;
    if (source.change !== '') changes.push(source.change);
    const map = Object.fromEntries(routed.map(({ name, route }) => [`${prefix}${route}`, name]));
    entries.push({ route: { [source.from]: source.name, map } });
  }
  if (entries.length > 0) return { entries, changes };
  return { why: changes.join('; ') || 'it names no variable' };
}

/** The variable itself, or a `map` that takes the text after the last dot of a cookie, header or parameter. */
function routeSource(variable: string, maps: ReadonlyMap<string, Directive>) {
  const usable = (source: Source | null) => source !== null && ['cookie', 'header', 'query'].includes(source.from);
  const direct = sourceOf(variable);
  if (direct !== null && usable(direct)) return { source: direct, prefix: '', map: null, entry: null };
  const map = maps.get(variable);
  const source = sourceOf(map?.args[0] ?? '');
  if (map === undefined || source === null || !usable(source)) return null;
  for (const entry of map.block ?? []) {
    const ending = /^~\*?.*\\\.\((?:\?P?<(\w+)>)?[^()]*\)\$$/.exec(entry.name);
    if (ending !== null && entry.block === null && [`$${ending[1]}`, '$1'].includes(entry.args[0] ?? '')) {
      return { source, prefix: '*.', map, entry };
    }
  }
  return null;
}

/** The `map` blocks that a `sticky route` uses, each with the entry that is carried over. */
export function usedMaps({ args }: Directive, maps: ReadonlyMap<string, Directive>) {
  return args.flatMap((variable) => {
    const found = routeSource(variable, maps);
    return found === null || found.map === null ? [] : [{ map: found.map, entry: found.entry }];
  });
}
