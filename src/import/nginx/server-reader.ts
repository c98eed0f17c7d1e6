/** Reads a `server` block and its locations. Each location with a `proxy_pass` becomes routes. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { refuses } from './access.ts';
import type { CommonDirectives } from './common-directives.ts';
import { addressOf, type ListenAddress, listenAddressesOf } from './listen-addresses.ts';
import type { Listeners } from './listeners.ts';
import { locate, readNames } from './locations.ts';
import type { Pools } from './pools.ts';
import { fallbackOf, isPass, setsHost, targetOf, valuesOf } from './proxy-pass.ts';
import type { Routes } from './routes.ts';
import { serverTlsOf } from './server-tls.ts';
import { innerSettings, type Settings, settlePool } from './settings.ts';
import { redirectToHttps } from './tls.ts';

/** The settings that a block inherits. */
export interface Scope {
  readonly settings: Settings;
  /** The values of variables: `set $app http://app:3000`. */
  readonly values: ReadonlyMap<string, string>;
  /** `proxy_set_header Host` is in force. Without it nginx sends the host of `proxy_pass`. */
  readonly setsHost: boolean;
}

/** The settings that a location inherits from its `server`. */
interface ServerScope extends Scope {
  /** Hosts by the key of a listen address. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** `location @app`, by name. */
  readonly fallbacks: ReadonlyMap<string, Directive>;
  /** false: the server answers before it tries its locations. */
  readonly readsLocations: boolean;
}

/** The parts of the config to which the servers of a file add. */
export interface ReaderParts {
  readonly pools: Pools;
  readonly listeners: Listeners;
  readonly routes: Routes;
  readonly common: CommonDirectives;
  readonly report: DirectiveReport;
}

export function innerScope(directives: readonly Directive[], outer: Scope): Scope {
  return {
    settings: innerSettings(directives, outer.settings),
    values: valuesOf(directives, outer.values),
    setsHost: setsHost(directives, outer.setsHost),
  };
}

export class ServerReader {
  private readonly parts: ReaderParts;
  /** The default server of each listen address, by key. */
  private readonly defaults: ReadonlyMap<string, Directive>;

  constructor(parts: ReaderParts, defaults: ReadonlyMap<string, Directive>) {
    this.parts = parts;
    this.defaults = defaults;
  }

  read(server: Directive, outer: Scope): void {
    const { listeners, routes, common, report } = this.parts;
    const inner = server.block ?? [];
    const names = readNames(inner.flatMap(({ name, args }) => (name === 'server_name' ? args : [])));
    const addresses = listenAddressesOf(server);
    const scope: ServerScope = {
      ...innerScope(inner, outer),
      hosts: this.hostsOf(server, addresses, names.hosts),
      fallbacks: namedLocations(inner),
      readsLocations: !inner.some(({ name, args }) => name === 'return' && args.length > 0),
    };
    const before = routes.size;
    for (const one of inner) if (one.name === 'location') this.readLocation(one, scope);
    this.readFallback(server, scope);
    const serves = routes.size > before;
    const where = names.hosts[0] === undefined ? `the server of line ${server.line}` : `server ${names.hosts[0]}`;
    for (const directive of inner) {
      if (directive.name === 'location') continue;
      if (directive.name === 'server_name') {
        if (!serves) report.leaveOut(directive, 'no location of this server is carried over');
        else report.carry(directive);
        for (const change of serves ? names.changes : []) report.warn(directive, 'not-working', change);
      } else if (directive.name === 'listen') {
        if (serves) listeners.listen(directive, addresses, server);
        else report.leaveOut(directive, 'no location of this server is carried over');
      } else common.read(directive, where, serves);
    }
    if (serves && addresses[0]?.directive === null) listeners.listen(null, addresses, server);
    if (serves) report.carry(server);
    else {
      const lost = (): void => this.reportLost(server, addresses, names.hosts);
      const whys = redirectToHttps(inner);
      if (whys === null || !listeners.redirect(server, addresses, whys, lost)) lost();
    }
  }

  private hostsOf(server: Directive, addresses: readonly ListenAddress[], names: readonly string[]) {
    const hosts = new Map<string, readonly string[]>();
    for (const address of addresses) {
      const key = this.parts.listeners.keyFor(address.key);
      hosts.set(key, this.defaults.get(key) === server ? [...names, ''] : names);
    }
    return hosts;
  }

  /** `try_files` of the server itself, for requests that no location takes. */
  private readFallback(server: Directive, scope: ServerScope): void {
    const found = fallbackOf(server.block ?? [], scope.fallbacks);
    if (found === null || !scope.readsLocations) return;
    const settings = innerSettings(found.location.block ?? [], scope.settings);
    this.readPass(found.pass, { ...server, args: ['/'] }, { ...scope, settings }, server);
  }

  /** Reports a server that is left out. Requests that it redirected or answered reach another server, or none. */
  private reportLost(server: Directive, addresses: readonly ListenAddress[], hosts: readonly string[]): void {
    const { report } = this.parts;
    report.leaveOut(server, 'none of its locations passes to a server by HTTP');
    const at = addresses.map(({ key }) => addressOf(key)).join(', ');
    const what =
      hosts.length === 0 ? `requests that came to ${at}` : `requests for ${hosts.slice(0, 3).join(', ')} on ${at}`;
    // A server that only refuses needs no warning: its requests get 404, or a closed port.
    if (refuses(server.block ?? []))
      report.leaveOut(server, 'it refused requests, and they get 404 here, or no connection');
    else
      report.warn(
        server,
        'not-working',
        `none of its locations passes to a server by HTTP: ${what} are not answered as before`,
      );
  }

  /** Nested locations inherit from it. */
  private readLocation(location: Directive, outer: ServerScope): void {
    const { routes, common, report } = this.parts;
    const inner = location.block ?? [];
    const scope: ServerScope = { ...outer, ...innerScope(inner, outer) };
    const before = routes.size;
    for (const one of inner) if (one.name === 'location') this.readLocation(one, scope);
    const where = `location ${location.args.join(' ')}`;
    const own = inner.find(isPass);
    const fallback = own === undefined ? fallbackOf(inner, scope.fallbacks) : null;
    const pass = own ?? fallback?.pass;
    const unasked = whyUnasked(location, scope);
    const settings = innerSettings(fallback?.location.block ?? [], scope.settings);
    const taken = pass !== undefined && unasked === null && this.readPass(pass, location, { ...scope, settings });
    if (taken && fallback !== null)
      report.warn(
        location,
        'not-working',
        `no files are served here: each request of ${where} goes to the server behind ${fallback.location.args[0] ?? ''}`,
      );
    for (const directive of inner) {
      if (directive.name !== 'location' && directive !== own) common.read(directive, where, taken);
    }
    if (taken) return;
    const hasRoutes = routes.size > before;
    if (hasRoutes) report.carry(location);
    if (unasked !== null) {
      if (own !== undefined) report.leaveOut(own, unasked);
      if (!report.isCarried(location)) report.leaveOut(location, unasked);
    } else if (refuses(inner))
      report.warn(location, 'open', `requests of ${where} were refused, and go on to the next route now, or get 404`);
    else if (pass === undefined && !hasRoutes)
      report.warn(
        location,
        'not-working',
        `it passes to no server by HTTP: requests of ${where} go on to the next route now, or get 404`,
      );
  }

  /** Returns false if there is no route, and reports it. `source`: the directive that gets the notes. */
  private readPass(pass: Directive, location: Directive, scope: ServerScope, source = location): boolean {
    const { pools, listeners, routes, report } = this.parts;
    const refuse = (why: string) => {
      report.leaveOut(pass, why);
      if (!report.isCarried(source)) report.leaveOut(source, `its ${pass.name} is not carried over: ${why}`);
      report.warn(source, 'not-working', `its ${pass.name} is not carried over: ${why}`);
      return false;
    };
    const located = locate(location);
    if ('why' in located) return refuse(located.why);
    const { match, rank, change } = located;
    const hosts = [...scope.hosts].flatMap(([key, names]) => names.map((host) => ({ key, host })));
    if (hosts.length === 0) return refuse('it has no name and is not the default, so no request gets to it');
    const free = hosts.filter(({ key, host }) => !routes.has(key, host, match));
    if (free.length === 0) return refuse('a location before it matches the same');
    const target = targetOf(pass, scope.values);
    if ('why' in target) return refuse(target.why);
    const pool = pools.find(target.host, pass, target.secure ? 443 : 80);
    if (typeof pool === 'string') return refuse(pool);
    const own = pool.config.servers.find(({ address }) => listeners.listensAt(String(address)));
    if (own !== undefined)
      return refuse(`this file itself listens on ${String(own.address)}: let the route lead to the servers behind it`);
    const speaks = serverTlsOf(target, pass, scope.settings, report);
    if (pool.speaks !== undefined && JSON.stringify(pool.speaks) !== JSON.stringify(speaks))
      return refuse('another location speaks to these servers in another way, and a pool has one protocol and one tls');
    pool.speaks = speaks;
    Object.assign(pool.config, speaks);
    pool.used = true;
    report.carry(pass);
    if (!scope.setsHost) report.change(pass, `the Host of the client is passed on, not ${target.host}`);
    report.carry(source);
    if (change !== '') report.change(source, change);
    if (target.path !== '' && target.path !== match.path) {
      const why = `the path is passed on as it came, ${target.path} is not put in the place of ${match.path ?? '/'}`;
      report.warn(pass, 'not-working', why);
    }
    settlePool(scope.settings, pool, report);
    const forEveryHost = new Set(free.flatMap(({ key, host }) => (host === '' ? [key] : [])));
    for (const { key, host } of free)
      routes.add({ key, host, match, rank, pool, named: host !== '' && forEveryHost.has(key) });
    return true;
  }
}

function namedLocations(inner: readonly Directive[]): ReadonlyMap<string, Directive> {
  const named = inner.filter(({ name, args }) => name === 'location' && args[0]?.startsWith('@'));
  return new Map(named.map((one) => [one.args[0] ?? '', one]));
}

/** Why clients cannot reach this location; null if they can. */
function whyUnasked({ args, block }: Directive, { readsLocations }: ServerScope): string | null {
  if (block?.some(({ name }) => name === 'internal')) return 'nginx alone sends requests to it (internal)';
  if (!readsLocations) return 'the server answers before it is looked at';
  return args[0]?.startsWith('@') ? 'it is a named location, to which only nginx itself sends requests' : null;
}
