/** Walks through `http`, `server` and `location`, and gathers listeners, pools and routes. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { freeLoopbackAddress } from '../listener-address.ts';
import { freeName } from '../names.ts';
import { serverAddress } from '../values.ts';
import { concernOf, isHarmlessInclude, refuses } from './access.ts';
import { addListener, carryHeader, type Listeners, trust, writeListeners } from './listeners.ts';
import { locate, readNames } from './locations.ts';
import { defaultsOf, isTls, type Place, placesOf, speaksTls, widened } from './places.ts';
import { reasonFor } from './reasons.ts';
import {
  everyPass,
  fallbackOf,
  type RouteDraft,
  readMatch,
  sameMatch,
  setsHost,
  sortedRoutes,
  targetOf,
  valuesOf,
  type Written,
  writeRoute,
} from './routes.ts';
import { isListenerSetting, isPoolSetting, type Scope, settleListeners, settlePool } from './settings.ts';
import { type PoolDraft, readUpstream } from './upstream.ts';

/** What a `server` block gives to the locations in it. */
interface Site {
  /** Hosts by place. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** `location @app`, by name. */
  readonly fallbacks: ReadonlyMap<string, Directive>;
  /** `set $app http://app:3000`, by variable. */
  readonly values: ReadonlyMap<string, string>;
  /** `proxy_set_header Host` is in force: without it nginx sends what stands in `proxy_pass`. */
  readonly setsHost: boolean;
}

export class Reader {
  private readonly report: DirectiveReport;
  /** By the name that `proxy_pass` uses. */
  private readonly upstreams = new Map<string, PoolDraft>();
  private readonly pools: PoolDraft[] = [];
  private readonly names = new Set<string>();
  private readonly maps = new Map<string, Directive>();
  private readonly matches = new Map<string, Directive>();
  private readonly routes: RouteDraft[] = [];
  /** Upstreams that have no server, by name. */
  private readonly empty = new Map<string, string>();
  /** Where this file listens, TLS or not. */
  private places: ReadonlySet<string> = new Set();
  /** Places where a server that is carried over listens, with the line that says so. */
  private readonly serving = new Map<string, Directive>();
  private realIpTold = false;
  private setsHost = false;
  private readonly listeners: Listeners = { addresses: new Map(), common: {}, saidBy: new Map(), trusted: [] };

  constructor(report: DirectiveReport) {
    this.report = report;
  }

  /** First of all, because a `server` may stand before the upstream that it passes to. */
  readUpstreams(directives: readonly Directive[]): void {
    for (const one of directives) {
      if (one.name === 'map' && one.args.length === 2) this.maps.set(one.args[1] ?? '', one);
      if (one.name === 'match' && one.block !== null) this.matches.set(one.args[0] ?? '', one);
    }
    for (const upstream of directives) {
      const [name = ''] = upstream.args;
      if (upstream.name !== 'upstream' || upstream.block === null) continue;
      const other = this.upstreams.get(name);
      if (other !== undefined) {
        this.report.leaveOut(upstream, `the upstream of line ${other.directive.line} has the same name`);
        continue;
      }
      const pool = readUpstream(upstream, freeName(name, this.names), this.maps, this.report);
      if (pool === null) {
        const inside = upstream.block.some((one) => one.name === 'server');
        this.empty.set(
          name,
          `upstream ${name} has no server ${inside ? 'that can be carried over' : `in this file${upstream.block.some((one) => one.name === 'state') ? ' (state)' : ''}`}`,
        );
        continue;
      }
      this.addPool(pool);
      this.upstreams.set(name, pool);
    }
  }

  readHttp(directives: readonly Directive[]): void {
    const scope = this.scopeOf(directives, new Map());
    const servers = directives.filter(({ name, block }) => name === 'server' && block !== null);
    this.places = new Set(servers.flatMap((server) => placesOf(server).map(({ key }) => key)));
    const defaults = defaultsOf(servers, ({ key }) => widened(key, this.places));
    const values = valuesOf(directives, new Map());
    this.setsHost = setsHost(directives, false);
    for (const server of servers) this.readServer(server, defaults, scope, values);
    const common = directives.filter(
      (one) => !(one.name === 'upstream' && one.block !== null) && !servers.includes(one),
    );
    for (const directive of common) this.readCommon(directive, 'http', this.routes.length > 0);
  }

  /** Why nothing can be written; null: something can. */
  flaw(directives: readonly Directive[]): { readonly line: number; readonly why: string } | null {
    if (this.routes.length > 0) return null;
    const passes = directives.flatMap(everyPass);
    const notes = passes.map((pass) => ({ line: pass.line, why: this.report.reasonOf(pass) }));
    const [first] = notes.filter(({ why }) => why !== '');
    if (first !== undefined)
      return { line: first.line, why: `found no route that can be carried over: line ${first.line}: ${first.why}` };
    const line = directives[0]?.line ?? 1;
    const [name] = [...this.empty.values()];
    const upstream = directives.find((one) => one.name === 'upstream');
    if (upstream === undefined && passes.length === 0)
      return { line, why: 'found no upstream with a server and no proxy_pass to one, expected an nginx config' };
    return {
      line: upstream?.line ?? line,
      why: name ?? 'no server block passes requests to an upstream, so where it listens is not known',
    };
  }

  finish(): Record<string, unknown> {
    for (const pool of this.pools) {
      if (!pool.used) this.report.change(pool.directive, 'no location passes to it: no route leads to this pool');
      this.settleMatch(pool);
    }
    const addresses = this.settlePlaces();
    const listeners = writeListeners(this.listeners, this.report);
    this.tellCookiesApart();
    const byPlace = new Map<string, RouteDraft[]>();
    for (const [place, address] of addresses) {
      const own = this.routes.filter((route) => route.place === place);
      byPlace.set(address, [...(byPlace.get(address) ?? []), ...own]);
    }
    const written = Array.from(byPlace, ([address, routes]) => ({
      address,
      routes: sortedRoutes(routes).map(writeRoute),
    }));
    const groups = new Map<string, { readonly addresses: string[]; readonly routes: Written[] }>();
    for (const { address, routes } of written) {
      const key = JSON.stringify(routes);
      const group = groups.get(key) ?? { addresses: [], routes };
      group.addresses.push(address);
      groups.set(key, group);
    }
    const alone = groups.size === 1;
    return {
      listeners,
      pools: Object.fromEntries(this.pools.map(({ name, config }) => [name, config])),
      routes: [...groups.values()].flatMap(({ addresses: on, routes }) =>
        routes.map(({ match, pool }) => {
          const wanted = { ...match, ...(alone ? {} : { listeners: on }) };
          return Object.keys(wanted).length === 0 ? { pool } : { match: wanted, pool };
        }),
      ),
    };
  }

  /** The listener of each place: where TLS is spoken another one stands in, unless its servers are asked in the clear too. */
  private settlePlaces(): Map<string, string> {
    const found = new Map<string, string>();
    const used = this.pools.flatMap(({ config }) => config.servers.map(({ address }) => String(address)));
    const tail = 'TLS is not ended here, so put a proxy that ends it in front';
    for (const [key, directive] of this.serving) {
      if (!isTls(key)) {
        found.set(key, key);
        continue;
      }
      const routesAt = (place: string) =>
        sortedRoutes(this.routes.filter((route) => route.place === place)).map(writeRoute);
      const clear = [...this.serving.keys()].find(
        (other) => !isTls(other) && JSON.stringify(routesAt(other)) === JSON.stringify(routesAt(key)),
      );
      const at = key.slice('tls'.length);
      if (clear !== undefined) {
        this.report.warn(
          directive,
          'not-working',
          `nothing listens on ${at} now: ${tail}, which passes requests on to ${clear}`,
        );
        continue;
      }
      const address = freeLoopbackAddress([...used, ...this.serving.keys(), ...found.values()]);
      found.set(key, address);
      this.listeners.addresses.set(address, { directive, config: { address } });
      this.report.carry(directive);
      this.report.warn(
        directive,
        'not-working',
        `nothing listens on ${at} now: ${tail}, which passes requests on to ${address}`,
      );
    }
    return found;
  }

  /** `health_check match=NAME`: what an answer must look like. */
  private settleMatch({ config, saidBy }: PoolDraft): void {
    const health = config.health as Record<string, unknown> | undefined;
    if (typeof health?.match !== 'string') return;
    const block = this.matches.get(health.match);
    const { match: named, ...rest } = health;
    const found = readMatch(block);
    config.health = { ...rest, ...found.fields };
    const said = saidBy.get('health_check');
    if (block !== undefined) for (const one of [block, ...(block.block ?? [])]) this.report.carry(one);
    for (const directive of found.without)
      this.report.warn(
        directive,
        'not-working',
        'a check can expect statuses and a text in the body: a server that fails this takes requests here',
      );
    if (block === undefined && said !== undefined)
      this.report.warn(
        said,
        'not-working',
        `there is no match "${String(named)}" in this file: a server that fails it takes requests here`,
      );
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
        this.report.change(
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

  private readServer(
    server: Directive,
    defaults: ReadonlyMap<string, Directive>,
    outer: Scope,
    given: ReadonlyMap<string, string>,
  ): void {
    const inner = server.block ?? [];
    const named = inner.filter(({ name }) => name === 'server_name');
    const names = readNames(named.flatMap(({ args }) => args));
    const places = placesOf(server);
    const hosts = new Map<string, readonly string[]>();
    for (const { key } of places) {
      const place = widened(key, this.places);
      hosts.set(place, defaults.get(place) === server ? [...names.hosts, ''] : names.hosts);
    }
    const before = this.routes.length;
    const scope = this.scopeOf(inner, outer);
    const fallbacks = new Map(
      inner.flatMap((one) =>
        one.name === 'location' && one.args[0]?.startsWith('@') ? [[one.args[0], one] as const] : [],
      ),
    );
    const site = { hosts, fallbacks, values: valuesOf(inner, given), setsHost: setsHost(inner, this.setsHost) };
    const isWhole = inner.some(({ name, args }) => name === 'return' && args.length > 0);
    for (const one of inner) if (one.name === 'location') this.readLocation(one, scope, site, !isWhole);
    const whole = fallbackOf(inner, fallbacks);
    if (whole !== null && !isWhole)
      this.readPass(
        whole.pass,
        { ...server, args: ['/'] },
        this.scopeOf(whole.location.block ?? [], scope),
        site,
        server,
      );
    const serves = this.routes.length > before;
    const where = names.hosts[0] === undefined ? `the server of line ${server.line}` : `server ${names.hosts[0]}`;
    for (const directive of inner) {
      if (directive.name === 'location') continue;
      if (directive.name === 'server_name') {
        if (!serves) this.report.leaveOut(directive, 'no location of this server is carried over');
        else this.report.carry(directive);
        for (const change of serves ? names.changes : []) this.report.warn(directive, 'not-working', change);
      } else if (directive.name === 'listen') {
        if (serves) this.listen(directive, places, server);
        else this.report.leaveOut(directive, 'no location of this server is carried over');
      } else this.readCommon(directive, where, serves);
    }
    if (serves && places[0]?.directive === null) this.listen(null, places, server);
    if (serves) this.report.carry(server);
    else this.tellLost(server, places, names.hosts);
  }

  private listen(directive: Directive | null, places: readonly Place[], server: Directive): void {
    const mine = places.filter((place) => place.directive === directive);
    for (const { key } of mine) {
      const place = widened(key, this.places);
      if (!this.serving.has(place)) this.serving.set(place, directive ?? server);
      if (directive === null && !this.listeners.addresses.has(place))
        this.listeners.addresses.set(place, { directive: server, config: { address: place } });
      if (place !== key && !places.some((other) => other.key === place) && directive !== null)
        this.report.warn(
          directive,
          'open',
          `${place} takes it as well, so that it is reached from other addresses than ${key}`,
        );
    }
    if (directive === null) return;
    if (speaksTls(directive, server)) this.report.leaveOut(directive, 'TLS is not ended here');
    else addListener(directive, this.listeners, this.report);
    if (directive.args.includes('proxy_protocol'))
      this.report.warn(
        directive,
        'not-working',
        'PROXY lines are not read: let the proxy in front send X-Forwarded-For, and name it in trustedProxies',
      );
  }

  /** A server of which nothing is carried over: what it redirected or answered gets to others, or to nobody. */
  private tellLost(server: Directive, places: readonly Place[], hosts: readonly string[]): void {
    const inner = server.block ?? [];
    this.report.leaveOut(server, 'none of its locations passes to a server by HTTP');
    const at = places.map(({ key }) => key.replace(/^tls/, '')).join(', ');
    const what =
      hosts.length === 0 ? `requests that came to ${at}` : `requests for ${hosts.slice(0, 3).join(', ')} on ${at}`;
    // Nobody but a refusal was behind it: it stays one, 404 or a closed port.
    if (refuses(inner)) this.report.leaveOut(server, 'it refused requests, and they get 404 here, or no connection');
    else
      this.report.warn(
        server,
        'not-working',
        `none of its locations passes to a server by HTTP: ${what} are not answered as before`,
      );
  }

  /** Nested locations have the same server, and inherit. */
  private readLocation(location: Directive, outer: Scope, site: Site, isServed: boolean): void {
    const inner = location.block ?? [];
    const scope = this.scopeOf(inner, outer);
    const before = this.routes.length;
    const here = { ...site, values: valuesOf(inner, site.values), setsHost: setsHost(inner, site.setsHost) };
    for (const one of inner) if (one.name === 'location') this.readLocation(one, scope, here, isServed);
    const where = `location ${location.args.join(' ')}`;
    const internal = inner.some(({ name }) => name === 'internal');
    const own = inner.find(({ name }) => name === 'proxy_pass');
    const fallback = own === undefined ? fallbackOf(inner, site.fallbacks) : null;
    const pass = own ?? fallback?.pass;
    const stays = pass !== undefined && !internal && isServed && !location.args[0]?.startsWith('@');
    const inherited = fallback === null ? scope : this.scopeOf(fallback.location.block ?? [], scope);
    const taken = stays && this.readPass(pass, location, inherited, here);
    if (taken && fallback !== null)
      this.report.warn(
        location,
        'not-working',
        `no files are served here: each request of ${where} goes to the server behind ${fallback.location.args[0] ?? ''}`,
      );
    for (const directive of inner) {
      if (directive.name !== 'location' && directive !== own) this.readCommon(directive, where, taken);
    }
    if (taken) return;
    if (this.routes.length > before) this.report.carry(location);
    if (internal || location.args[0]?.startsWith('@') || !isServed) {
      const why = internal
        ? 'nginx alone sends requests to it (internal)'
        : isServed
          ? 'it is a named location, to which only nginx itself sends requests'
          : 'the server answers before it is looked at';
      if (own !== undefined) this.report.leaveOut(own, why);
      if (!this.report.isCarried(location)) this.report.leaveOut(location, why);
      return;
    }
    if (refuses(inner))
      this.report.warn(
        location,
        'open',
        `requests of ${where} were refused, and go on to the next route now, or get 404`,
      );
    else if (pass === undefined && this.routes.length === before)
      this.report.warn(
        location,
        'not-working',
        `it passes to no server by HTTP: requests of ${where} go on to the next route now, or get 404`,
      );
  }

  /** False: no route comes of it, and the location is told why. `said`: what has the route when it is no location. */
  private readPass(
    pass: Directive,
    location: Directive,
    scope: Scope,
    { hosts, values, setsHost }: Site,
    said = location,
  ): boolean {
    const refuse = (why: string) => {
      this.report.leaveOut(pass, why);
      if (!this.report.isCarried(said)) this.report.leaveOut(said, `its proxy_pass is not carried over: ${why}`);
      this.report.warn(said, 'not-working', `its proxy_pass is not carried over: ${why}`);
      return false;
    };
    const located = locate(location);
    if ('why' in located) return refuse(located.why);
    const { match, rank, change } = located;
    const free = [...hosts].flatMap(([place, names]) =>
      names
        .filter(
          (host) => !this.routes.some((one) => one.place === place && one.host === host && sameMatch(one.match, match)),
        )
        .map((host) => ({ place, host })),
    );
    if (free.length === 0) {
      const names = [...hosts.values()].flat();
      return refuse(
        names.length === 0
          ? 'it has no name and is not the default, so no request gets to it'
          : 'a location before it matches the same',
      );
    }
    const url = pass.args[0] ?? '';
    const target = targetOf(
      values.get(url) ??
        url.replace(/\$\{?\w+\}?/g, (variable) => values.get(variable.replace(/[{}]/g, '')) ?? variable),
    );
    if ('why' in target) return refuse(target.why);
    const empty = this.empty.get(target.host);
    if (empty !== undefined) return refuse(empty);
    const pool = this.upstreams.get(target.host) ?? this.poolOf(target.host, pass);
    if (pool === null) return refuse(`"${target.host}" is no upstream of this file and no address of a server`);
    const own = pool.config.servers.find(({ address }) => this.listensAt(String(address)));
    if (own !== undefined)
      return refuse(`this file itself listens on ${String(own.address)}: let the route lead to the servers behind it`);
    pool.used = true;
    this.report.carry(pass);
    if (!setsHost) this.report.change(pass, `the Host of the client is passed on, not ${target.host}`);
    this.report.carry(said);
    if (change !== '') this.report.change(said, change);
    if (target.path !== '' && target.path !== match.path) {
      this.report.warn(
        pass,
        'not-working',
        `the path is passed on as it came, ${target.path} is not put in the place of ${match.path ?? '/'}`,
      );
    }
    settlePool(scope, pool, this.report);
    const whole = new Set(free.flatMap(({ place, host }) => (host === '' ? [place] : [])));
    for (const { place, host } of free)
      this.routes.push({ place, host, match, rank, pool, named: host !== '' && whole.has(place) });
    return true;
  }

  private listensAt(address: string): boolean {
    const [, host = '', port = ''] = /^(.*):([0-9]+)$/.exec(address) ?? [];
    const here = /^(?:127\.[0-9.]+|localhost|\[::1\])$/.test(host);
    return [...this.places].some((place) => {
      const [, on = '', at] = /^(?:tls)?(.*):([0-9]+)$/.exec(place) ?? [];
      return at === port && (on === host || (here && on === ''));
    });
  }

  /** `proxy_pass` straight to an address: a pool of one. */
  private poolOf(host: string, pass: Directive): PoolDraft | null {
    const address = serverAddress(host, 80);
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

  /**
   * Everything but servers, upstreams and locations. What a location has used already stays carried over. `isServed`:
   * requests in reach of it get to a server.
   */
  private readCommon(directive: Directive, where: string, isServed: boolean): void {
    const { name, args } = directive;
    if (isServed) this.tell(directive, where);
    if (name === 'set_real_ip_from') trust(directive, this.listeners, this.report);
    else if (isListenerSetting(name)) {
      settleListeners(directive, this.listeners.common, this.listeners.saidBy, this.report);
    } else if (carryHeader(directive, this.report)) return;
    else if (isPoolSetting(name)) this.report.leaveOut(directive, 'no location in reach of it passes to a server');
    else if (name === 'include' && isHarmlessInclude(args[0] ?? '')) this.report.leaveOut(directive, reasonFor(name));
    else if (name === 'include') this.report.warn(directive, 'not-working', reasonFor(name));
    else if ((name === 'stream' || name === 'mail') && directive.block !== null) {
      this.report.leaveOut(directive, reasonFor(name));
      this.report.warn(directive, 'not-working', `${reasonFor(name)}: nothing listens there now`);
    } else if (!['map', 'match'].includes(name) || !this.report.isCarried(directive))
      this.report.leaveOut(directive, reasonFor(name));
  }

  private tell(directive: Directive, where: string): void {
    const found = concernOf(directive, where);
    if (found !== null) this.report.warn(directive, found.concern, found.why);
    const isRealIp = directive.name === 'proxy_set_header' && /^x-real-ip$/i.test(directive.args[0] ?? '');
    if (!isRealIp || this.realIpTold) return;
    this.realIpTold = true;
    this.report.warn(
      directive,
      'open',
      'headers are passed on as they come, so that any client can say X-Real-IP: let servers read X-Forwarded-For',
    );
  }
}
