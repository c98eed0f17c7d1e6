/** Walks through `http`, `server` and `location`, and gathers listeners, pools and routes. */
import type { Ledger } from './nginx-ledger.ts';
import { addListener, carryHeader, type Listeners, trust, writeListeners } from './nginx-listeners.ts';
import { hostRank, locate, type Match, readNames } from './nginx-locations.ts';
import { reasonFor } from './nginx-reasons.ts';
import { isListenerSetting, isPoolSetting, type Scope, settleListeners, settlePool } from './nginx-settings.ts';
import type { Directive } from './nginx-syntax.ts';
import { type PoolDraft, readUpstream } from './nginx-upstream.ts';
import { freeName, serverAddress } from './nginx-values.ts';

interface RouteDraft {
  readonly host: string;
  readonly match: Match;
  readonly rank: number;
  readonly pool: PoolDraft;
  /** A name of the default server, which has the same route for every host. */
  readonly named: boolean;
}

/** What a `server` block gives to the locations in it. */
interface Site {
  readonly hosts: readonly string[];
}

export class Reader {
  private readonly ledger: Ledger;
  /** By the name that `proxy_pass` uses. */
  private readonly upstreams = new Map<string, PoolDraft>();
  private readonly pools: PoolDraft[] = [];
  private readonly names = new Set<string>();
  private readonly maps = new Map<string, Directive>();
  private readonly routes: RouteDraft[] = [];
  private readonly listeners: Listeners = { addresses: new Map(), tls: [], common: {}, saidBy: new Map(), trusted: [] };

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** First of all, because a `server` may stand before the upstream that it passes to. */
  readUpstreams(directives: readonly Directive[]): void {
    for (const one of directives)
      if (one.name === 'map' && one.args.length === 2) this.maps.set(one.args[1] ?? '', one);
    for (const upstream of directives) {
      const [name = ''] = upstream.args;
      if (upstream.name !== 'upstream' || upstream.block === null) continue;
      const other = this.upstreams.get(name);
      if (other !== undefined) {
        this.ledger.leaveOut(upstream, `the upstream of line ${other.directive.line} has the same name`);
        continue;
      }
      const pool = readUpstream(upstream, freeName(name, this.names), this.maps, this.ledger);
      if (pool === null) continue;
      this.addPool(pool);
      this.upstreams.set(name, pool);
    }
  }

  readHttp(directives: readonly Directive[]): void {
    const scope = this.scopeOf(directives, new Map());
    const servers = directives.filter(({ name, block }) => name === 'server' && block !== null);
    const fallback = servers.find(({ block }) =>
      block?.some(({ name, args }) => name === 'listen' && args.some((arg) => /^default(_server)?$/.test(arg))),
    );
    for (const server of servers) this.readServer(server, server === (fallback ?? servers[0]), scope);
    for (const directive of directives) {
      if ((directive.name === 'upstream' && directive.block !== null) || servers.includes(directive)) continue;
      this.readCommon(directive);
    }
  }

  /** null: there is nothing to pass requests to. */
  finish(): Record<string, unknown> | null {
    if (this.pools.length === 0) return null;
    const routes = this.routes;
    const [first] = this.pools;
    if (routes.length === 0 && first !== undefined) {
      this.routes.push({ host: '', match: {}, rank: 1, pool: first, named: false });
      first.used = true;
      this.ledger.change(first.directive, 'no location passes to it: every request is routed to it');
    }
    for (const pool of this.pools) {
      if (!pool.used) this.ledger.change(pool.directive, 'no location passes to it: no route leads to this pool');
    }
    const addresses = writeListeners(this.listeners, first?.directive, this.ledger);
    this.tellCookiesApart();
    const written = this.sortedRoutes().map(({ host, match, pool }) => {
      const wanted = { ...(host === '' ? {} : { host }), ...(match.path === '/' ? {} : match) };
      return Object.keys(wanted).length === 0 ? { pool: pool.name } : { match: wanted, pool: pool.name };
    });
    return {
      listeners: addresses,
      pools: Object.fromEntries(this.pools.map(({ name, config }) => [name, config])),
      routes: written,
    };
  }

  private sortedRoutes(): RouteDraft[] {
    const length = ({ match }: RouteDraft) => match.path?.length ?? 0;
    const stars = this.routes.filter(({ host }) => host.startsWith('*.'));
    // The default server serves every host: its own names need routes only where another server's pattern would take them.
    const needed = this.routes.filter(
      ({ host, named }) => !named || stars.some((star) => host.endsWith(star.host.slice(1))),
    );
    return needed.toSorted((a, b) => hostRank(b.host) - hostRank(a.host) || b.rank - a.rank || length(b) - length(a));
  }

  /** Two pools that set one cookie would overwrite each other's. */
  private tellCookiesApart(): void {
    const seen = new Set<string>();
    for (const { name, config, sticky, directive } of this.pools) {
      const [entry] = Array.isArray(config.affinity) ? (config.affinity as Record<string, unknown>[]) : [];
      const cookie = entry?.cookie as Record<string, unknown> | undefined;
      if (cookie === undefined) continue;
      const identity = () => [cookie.name, cookie.path ?? '/', cookie.domain ?? ''].join(';').toLowerCase();
      const before = String(cookie.name);
      for (let n = 1; seen.has(identity()); n++) cookie.name = `${before}-${name}${n === 1 ? '' : `-${n}`}`;
      seen.add(identity());
      if (cookie.name !== before) {
        this.ledger.change(
          sticky ?? directive,
          `the cookie is ${String(cookie.name)}, because ${before} is that of another pool`,
        );
      }
    }
  }

  private addPool(pool: PoolDraft): void {
    this.names.add(pool.name);
    this.pools.push(pool);
  }

  private readServer(server: Directive, isDefault: boolean, outer: Scope): void {
    const inner = server.block ?? [];
    const named = inner.filter(({ name }) => name === 'server_name');
    const names = readNames(named.flatMap(({ args }) => args));
    const hosts = isDefault || names.hosts.length === 0 ? [...names.hosts, ''] : names.hosts;
    const before = this.routes.length;
    const scope = this.scopeOf(inner, outer);
    for (const one of inner) if (one.name === 'location') this.readLocation(one, scope, { hosts });
    const serves = this.routes.length > before;
    for (const directive of inner) {
      if (directive.name === 'location') continue;
      if (directive.name === 'server_name') {
        if (!serves) this.ledger.leaveOut(directive, 'no location of this server is carried over');
        else if (names.changes.length === 0) this.ledger.carry(directive);
        for (const change of serves ? names.changes : []) this.ledger.change(directive, change);
      } else if (directive.name === 'listen') {
        if (serves) addListener(directive, this.listeners, this.ledger);
        else this.ledger.leaveOut(directive, 'no location of this server is carried over');
      } else this.readCommon(directive);
    }
    if (serves) this.ledger.carry(server);
    else this.ledger.leaveOut(server, 'none of its locations passes to a server by HTTP');
  }

  /** Nested locations have the same server, and inherit. */
  private readLocation(location: Directive, outer: Scope, site: Site): void {
    const inner = location.block ?? [];
    const scope = this.scopeOf(inner, outer);
    const before = this.routes.length;
    for (const one of inner) if (one.name === 'location') this.readLocation(one, scope, site);
    const pass = inner.find(({ name }) => name === 'proxy_pass');
    const taken = pass === undefined ? false : this.readPass(pass, location, scope, site);
    for (const directive of inner) {
      if (directive.name !== 'location' && directive !== pass) this.readCommon(directive);
    }
    if (taken) return;
    if (this.routes.length > before) this.ledger.carry(location);
    else if (pass === undefined)
      this.ledger.leaveOut(location, 'it passes to no server by HTTP: nothing is answered here');
  }

  /** False: no route comes of it, and the location is told why. */
  private readPass(pass: Directive, location: Directive, scope: Scope, { hosts }: Site): boolean {
    const refuse = (why: string) => {
      this.ledger.leaveOut(pass, why);
      this.ledger.leaveOut(location, `its proxy_pass is not carried over: ${why}`);
      return false;
    };
    const located = locate(location);
    if ('why' in located) return refuse(located.why);
    const { match, rank, change } = located;
    const free = hosts.filter(
      (host) => !this.routes.some((route) => route.host === host && sameMatch(route.match, match)),
    );
    if (free.length === 0) return refuse('a location before it matches the same: routes are on every listener here');
    const target = targetOf(pass.args[0] ?? '');
    if ('why' in target) return refuse(target.why);
    const pool = this.upstreams.get(target.host) ?? this.poolOf(target.host, pass);
    if (pool === null) return refuse(`"${target.host}" is no upstream of this file and no address of a server`);
    pool.used = true;
    this.ledger.carry(pass);
    this.ledger.carry(location);
    if (change !== '') this.ledger.change(location, change);
    if (target.path !== '' && target.path !== match.path) {
      this.ledger.change(pass, `the path is passed on as it came, ${target.path} is not put in its place`);
    }
    settlePool(scope, pool, this.ledger);
    for (const host of free) this.routes.push({ host, match, rank, pool, named: host !== '' && free.includes('') });
    return true;
  }

  /** `proxy_pass` straight to an address: a pool of one. */
  private poolOf(host: string, pass: Directive): PoolDraft | null {
    const address = serverAddress(host);
    if (address === null) return null;
    const known = this.upstreams.get(address);
    if (known !== undefined) return known;
    const name = freeName(address.replace(/^unix:/, ''), this.names);
    const config = { servers: [{ name: 's1', address }], affinity: 'none' };
    const pool: PoolDraft = { name, directive: pass, config, saidBy: new Map(), used: true };
    this.addPool(pool);
    this.upstreams.set(address, pool);
    return pool;
  }

  private scopeOf(directives: readonly Directive[], outer: Scope): Scope {
    const scope = new Map(outer);
    for (const directive of directives) if (isPoolSetting(directive.name)) scope.set(directive.name, directive);
    return scope;
  }

  /** Everything but servers, upstreams and locations. What a location has used already stays carried over. */
  private readCommon(directive: Directive): void {
    const { name } = directive;
    if (name === 'set_real_ip_from') trust(directive, this.listeners, this.ledger);
    else if (isListenerSetting(name)) {
      settleListeners(directive, this.listeners.common, this.listeners.saidBy, this.ledger);
    } else if (carryHeader(directive, this.ledger)) return;
    else if (isPoolSetting(name)) this.ledger.leaveOut(directive, 'no location in reach of it passes to a server');
    else if (name !== 'map' || !this.ledger.isCarried(directive)) this.ledger.leaveOut(directive, reasonFor(name));
  }
}

function sameMatch(a: Match, b: Match): boolean {
  const path = (match: Match) => (match.path ?? '/').replace(/(?<=.)\/+$/, '');
  return path(a) === path(b) && (a.extensions ?? []).join() === (b.extensions ?? []).join();
}

/** `http://host:port/path`. The path is '' when there is none. */
function targetOf(url: string): { readonly host: string; readonly path: string } | { readonly why: string } {
  if (url.includes('$')) return { why: `the server of ${url} is known only when a request comes` };
  if (/^https:/i.test(url)) return { why: 'TLS to servers is not spoken here' };
  const [, unix, unixPath = ''] = /^http:\/\/(unix:[^:]+)(?::(.*))?$/is.exec(url) ?? [];
  if (unix !== undefined) return { host: unix, path: unixPath };
  const [, host = '', path = ''] = /^http:\/\/([^/]*)(.*)$/is.exec(url) ?? [];
  return host === '' ? { why: `${url} is no http:// address` } : { host, path };
}
