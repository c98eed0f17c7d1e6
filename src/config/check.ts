/** Checks that concern more than one field. All problems are reported; with an error the config cannot be used, with a warning it can. */
import { formatAddress } from '../net/socket.ts';
import { standsForAll } from './address.ts';
import { checkAddresses } from './check-addresses.ts';
import { checkAffinities } from './check-affinities.ts';
import { checkSharedCookies } from './check-cookies.ts';
import { checkSessions } from './check-sessions.ts';
import { checkTls } from './check-tls.ts';
import { holdsHost } from './host-pattern.ts';
import type { LimpetOptions, PoolOptions, RouteOptions } from './options.ts';
import { error, type Path, type Problem, reservedName, unknownName, warning } from './problem.ts';

/** `routesLeftOut`: the config has no `routes`, so its only pool serves all requests. */
export function checkConfig(options: LimpetOptions, routesLeftOut: boolean): Problem[] {
  return [
    ...checkListeners(options),
    ...checkAddresses(options),
    ...checkResolver(options),
    ...options.pools.flatMap((pool) => checkPool(pool, options)),
    ...checkRoutes(options, routesLeftOut),
    ...checkTls(options),
    ...checkSharedCookies(options),
    ...checkSessions(options),
    ...checkRequestId(options),
  ];
}

function checkListeners({ listeners }: LimpetOptions): Problem[] {
  const found: Problem[] = [];
  for (const [index, { limits }] of listeners.entries()) {
    const path = ['listeners', index];
    if (limits.uriBytes >= limits.headBytes) {
      found.push(
        warning(
          [...path, 'limits', 'uriBytes'],
          'never reached: headBytes, which counts the target too, is not larger',
        ),
      );
    }
  }
  return found;
}

/** Servers get one header of a name, and it says one thing. */
function checkRequestId({ listeners, requestId }: LimpetOptions): Problem[] {
  if (requestId === null) return [];
  const { header } = requestId;
  const isUsed = listeners.some(({ tls }) =>
    Object.values(tls?.clientCertificates?.headers ?? {}).some((name) => name.toLowerCase() === header.toLowerCase()),
  );
  const text = `found ${header}, which clientCertificates.headers of a listener has already: expected another header`;
  return isUsed ? [error(['requestId', 'header'], text)] : [];
}

function checkResolver({ resolver }: LimpetOptions): Problem[] {
  return resolver.minTtl > resolver.maxTtl ? [error(['resolver', 'minTtl'], 'longer than maxTtl')] : [];
}

function checkPool(pool: PoolOptions, config: LimpetOptions): Problem[] {
  const path = ['pools', pool.name];
  const found = checkServers(pool, path);
  const { active, passive } = pool.health;
  if (active !== null && active.timeout > active.interval) {
    found.push(warning([...path, 'health', 'timeout'], 'longer than the interval: checks of one server overlap'));
  }
  if (passive !== null && passive.ejection > passive.maxEjection) {
    found.push(error([...path, 'health', 'passive', 'ejection'], 'longer than maxEjection'));
  }
  return [...found, ...checkAffinities(pool, config)];
}

function checkServers({ servers }: PoolOptions, pool: Path): Problem[] {
  const found: Problem[] = [];
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  for (const [index, { name, address }] of servers.entries()) {
    const path = [...pool, 'servers', index];
    const text = formatAddress(address);
    const [sameName, sameAddress] = [names.get(name), addresses.get(text)];
    if (sameAddress !== undefined) {
      found.push(
        error(
          [...path, 'address'],
          `servers[${sameAddress}] has the address ${text} already: one address is one server`,
        ),
      );
    } else if (sameName !== undefined) {
      found.push(
        error([...path, 'name'], `servers[${sameName}] is named "${name}" already: sessions are kept by name`),
      );
    }
    const reserved = reservedName(name);
    if (reserved !== null) found.push(error([...path, 'name'], reserved));
    if (sameName === undefined) names.set(name, index);
    if (sameAddress === undefined) addresses.set(text, index);
  }
  if (servers.every(({ weight }) => weight === 0)) {
    found.push(warning([...pool, 'servers'], 'every weight is 0: no server takes a new session'));
  }
  if (servers.some(({ resolve }) => resolve === 'all') && !servers.some(standsForAll)) {
    found.push(warning([...pool, 'resolve'], 'all says nothing here: no server of the pool has a name as its address'));
  }
  return found;
}

function checkRoutes({ listeners, routes, pools }: LimpetOptions, leftOut: boolean): Problem[] {
  const names = pools.map(({ name }) => name);
  if (names.length === 0) return [error(['pools'], 'found no pool, expected at least one')];
  if (leftOut && names.length > 1) {
    return [error(['routes'], `found nothing, expected a list of routes, because there are ${names.length} pools`)];
  }
  const found: Problem[] = [];
  const addresses = listeners.map(({ address }) => formatAddress(address));
  const redirecting = addresses.filter((_, index) => listeners[index]?.redirect != null);
  /** Over plain HTTP listeners with `redirect` serve only routes that name them, such as `route`. */
  const redirects = ({ match: earlier }: RouteOptions, { match }: RouteOptions): boolean =>
    earlier.listeners.length === 0 && match.listeners.some((address) => redirecting.includes(address));
  for (const [index, route] of routes.entries()) {
    for (const [at, named] of route.match.listeners.entries()) {
      if (addresses.includes(named)) continue;
      found.push(error(['routes', index, 'match', 'listeners', at], unknownName('listener', named, addresses)));
    }
    if (!names.includes(route.pool)) {
      found.push(error(['routes', index, 'pool'], unknownName('pool', route.pool, names)));
    }
    const before = routes.slice(0, index).findIndex((earlier) => covers(earlier, route) && !redirects(earlier, route));
    if (before >= 0) found.push(warning(['routes', index], `never asked: routes[${before}] matches all that it does`));
  }
  for (const name of names) {
    if (!routes.some(({ pool }) => pool === name)) found.push(warning(['pools', name], 'no route leads to this pool'));
  }
  for (const [index, address] of addresses.entries()) {
    if (redirecting.includes(address)) continue;
    if (!routes.some(({ match }) => match.listeners.length === 0 || match.listeners.includes(address)))
      found.push(warning(['listeners', index], 'no route is for this listener: each request there gets 404'));
  }
  return found;
}

/** `a` matches every request that `b` matches. */
function covers({ match: a }: RouteOptions, { match: b }: RouteOptions): boolean {
  const path = a.path === '/' || b.path === a.path || b.path.startsWith(`${a.path}/`);
  return (
    holdsHost(a.host, b.host) &&
    path &&
    includesAll(a.methods, b.methods) &&
    includesAll(a.extensions, b.extensions) &&
    includesAll(a.listeners, b.listeners)
  );
}

/** An empty list means no restriction. */
function includesAll(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || (b.length > 0 && b.every((one) => a.includes(one)));
}
