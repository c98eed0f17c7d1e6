/** Affinities of a pool that contradict each other, or that no request can ever meet. */
import { standsForAll } from './address.ts';
import { checkCookie } from './check-cookies.ts';
import type { AffinityOptions, LearnOptions, PoolOptions, RewriteOptions, RouteAffinityOptions } from './options.ts';
import { error, type Path, type Problem, unknownName, warning } from './problem.ts';

export function checkAffinities(pool: PoolOptions): Problem[] {
  const { affinity: all, name } = pool;
  const list = ['pools', name, 'affinity'];
  const found: Problem[] = [];
  const never = all.findIndex(({ type }) => type === 'source-ip') + 1;
  if (never > 0 && never < all.length) {
    found.push(warning([...list, never], 'never asked: source-ip before it recognises every request'));
  }
  for (const [index, affinity] of all.entries()) {
    const at = [...list, index];
    found.push(...checkOne(affinity, index, pool, at), ...checkTimes(affinity, [...at, affinity.type]));
    found.push(...checkRepeated(affinity, index, all, at));
  }
  return found;
}

function checkOne(affinity: AffinityOptions, index: number, pool: PoolOptions, at: Path): Problem[] {
  const path = [...at, affinity.type];
  switch (affinity.type) {
    case 'cookie':
      return checkCookie(affinity, path);
    case 'force':
      return checkForce(index, pool, at);
    case 'route':
      return checkMap(affinity, pool, [...path, 'map']);
    case 'rewrite':
      return [...checkAppCookie(affinity, pool, path), ...checkRewrite(index, pool, at)];
    case 'learn':
      return [...checkAppCookie(affinity, pool, path), ...checkHeader(affinity.header, [...path, 'header'])];
    case 'header':
      return checkHeader(affinity.name, path);
    default:
      return [];
  }
}

function checkAppCookie({ cookie }: RewriteOptions | LearnOptions, { affinity }: PoolOptions, path: Path): Problem[] {
  const ours = affinity.some((other) => other.type === 'cookie' && [other.name, other.twin].includes(cookie));
  if (cookie === '' || !ours) return [];
  return [error(path, `"${cookie}" is our own cookie too: name the one that the app sets`)];
}

function checkRewrite(index: number, { affinity }: PoolOptions, path: Path): Problem[] {
  // The others leave a new session to whoever can bind it.
  const first = affinity.findIndex(({ type }) => type === 'cookie' || type === 'source-ip' || type === 'rewrite');
  if (first === index) return [];
  return [warning(path, `recognises nobody: affinity[${first}] comes first and binds every new session`)];
}

function checkForce(index: number, { affinity }: PoolOptions, path: Path): Problem[] {
  const before = affinity.slice(0, index).findIndex(({ type }) => type !== 'force');
  if (before < 0) return [];
  return [warning(path, `not asked for clients that affinity[${before}] recognises: put it first`)];
}

function checkMap({ map }: RouteAffinityOptions, { servers }: PoolOptions, path: Path): Problem[] {
  const names = servers.map(({ name }) => name);
  return map.flatMap(({ pattern, server }) => {
    const found = servers.find(({ name }) => name === server);
    if (found === undefined) return [error([...path, pattern], unknownName('server', server, names))];
    if (!standsForAll(found)) return [];
    return [
      error(
        [...path, pattern],
        `found "${server}", expected one server: with resolve: all it is as many as its name has addresses`,
      ),
    ];
  });
}

/** Headers of the message or of the connection, and those that say the same for all clients of a site. */
const reserved = [
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function checkHeader(name: string, path: Path): Problem[] {
  const lower = name.toLowerCase();
  const found = JSON.stringify(name);
  if (lower === 'cookie' || lower === 'set-cookie') {
    return [error(path, `found ${found}, which holds many things: name the cookie with { learn: NAME }`)];
  }
  if (lower.startsWith('limpet-')) return [error(path, `found ${found}: Limpet removes headers of that name`)];
  if (!reserved.includes(lower)) return [];
  return [error(path, `found ${found}, which is about the message, expected a header that names a session`)];
}

function checkTimes(affinity: AffinityOptions, path: Path): Problem[] {
  if (!('absolute' in affinity) || affinity.type === 'cookie') return [];
  const { idle, absolute } = affinity;
  if (absolute === 0 || idle <= absolute) return [];
  return [error([...path, 'idle'], 'longer than absolute: a session would never be idle that long')];
}

/** The first of two that go by the same name recognises all of its sessions. */
function checkRepeated(affinity: AffinityOptions, index: number, all: PoolOptions['affinity'], at: Path): Problem[] {
  const places = placesOf(affinity);
  for (const [earlier, other] of all.slice(0, index).entries()) {
    const same = placesOf(other).find((place) => places.includes(place));
    if (same !== undefined) return [warning(at, `affinity[${earlier}] goes by ${same} already`)];
  }
  return [];
}

/** Where an affinity finds a session's name, in words. Our own cookies are judged by `checkSharedCookies`. */
function placesOf(affinity: AffinityOptions): string[] {
  switch (affinity.type) {
    case 'learn': {
      const { cookie, header, query, parameter } = affinity;
      return [
        ...(cookie === '' ? [] : [cookiePlace(cookie)]),
        ...(header === '' ? [] : [headerPlace(header)]),
        ...(query === '' ? [] : [queryPlace(query)]),
        ...(parameter === '' ? [] : [`the path parameter "${parameter}"`]),
      ];
    }
    case 'rewrite':
      return [cookiePlace(affinity.cookie)];
    case 'header':
      return [headerPlace(affinity.name)];
    case 'query':
      return [queryPlace(affinity.name)];
    case 'path':
      return [`the path ${affinity.pattern}`];
    case 'socket.io':
      return [`Socket.IO below ${affinity.path}`];
    default:
      return [];
  }
}

const cookiePlace = (name: string) => `the cookie "${name}"`;
const headerPlace = (name: string) => `the header "${name.toLowerCase()}"`;
const queryPlace = (name: string) => `the query parameter "${name}"`;
