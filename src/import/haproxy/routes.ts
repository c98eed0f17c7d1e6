/** The routes of all frontends, each on the listeners of its frontend. */

import { freeLoopbackAddress } from '../listener-address.ts';
import { warnAboutAccess } from './access.ts';
import { bindsOf, type Frontend, readListeners, readRedirecting, sameRules } from './frontend.ts';
import type { LineReport } from './line-report.ts';
import type { Line } from './lines.ts';
import { intersectAll, type Match, sameMatch, writeMatch } from './match.ts';
import type { Pool } from './pool.ts';
import { isAlways, reasonFor } from './reasons.ts';
import type { Bases } from './tls.ts';

export interface Route {
  readonly match: Match;
  /** Addresses of listeners; empty for all of them. */
  readonly listeners: readonly string[];
  /** The name of the backend. */
  readonly backend: string;
  readonly affinity: boolean;
}

export interface Routing {
  readonly listeners: readonly Record<string, unknown>[];
  /** Empty if no frontend leads to a pool. */
  readonly routes: readonly Route[];
}

export function readRouting(
  frontends: readonly Frontend[],
  pools: ReadonlyMap<string, Pool>,
  report: LineReport,
  bases: Bases,
): Routing {
  const routing = frontends.filter((frontend) => frontend.rules.length > 0 && bindsOf(frontend.proxy).length > 0);
  const [main] = routing;
  const taken = new Set<string>();
  const read = routing.map((frontend) => ({ frontend, ...readListeners(frontend, taken, bases) }));
  const isSecure = read.some((one) => one.listeners.some(({ tls }) => tls !== undefined));
  const redirecting: Record<string, unknown>[] = [];
  for (const frontend of frontends.filter((one) => !routing.includes(one))) {
    const own = isSecure && frontend.rules.length === 0 ? readRedirecting(frontend, taken, bases) : [];
    redirecting.push(...own);
    if (own.length === 0) leaveOutFrontend(frontend, pools, report);
  }
  if (main === undefined) return { listeners: [], routes: [] };
  const used = [...pools.values()].flatMap(({ addresses }) => addresses);
  const withoutListener = read.filter(({ listeners }) => listeners.length === 0);
  const listeners = [...read.flatMap((one) => one.listeners), ...redirecting];
  const replacements = new Map<Frontend, string>();
  for (const { frontend, tls, shared } of withoutListener) {
    if (tls === undefined) continue;
    const address = freeLoopbackAddress([...used, ...taken]);
    taken.add(address);
    replacements.set(frontend, address);
    listeners.push({ address, ...shared });
    report.change(tls, `${address} stands in for it: let the proxy that speaks TLS pass requests on to there`);
  }
  const open = read.filter(({ frontend, listeners: own }) => own.length > 0 || replacements.has(frontend));
  for (const { frontend } of read.filter((one) => !open.includes(one)))
    report.warn(frontend.proxy.header, 'not-working', 'nothing that it listens on can be listened on here');
  const haveSameRules = open.every(({ frontend }) => sameRules(frontend, main));
  const routes: Route[] = [];
  for (const { frontend, listeners: own, redirecting: plain } of open) {
    carryRules(frontend, report);
    warnAboutAccess(frontend.proxy, report);
    const replacement = replacements.get(frontend);
    // Over plain HTTP a route that names a listener with a redirect would be served there.
    const serving = own.map(({ address }) => String(address)).filter((address) => !plain.includes(address));
    const addresses = replacement === undefined ? serving : [replacement];
    const on = haveSameRules ? [] : addresses;
    if (!haveSameRules || routes.length === 0) routes.push(...routesOf(frontend, on, pools));
  }
  for (const [name, { proxy }] of pools) {
    if (routes.some(({ backend }) => backend === name)) {
      if (!open.some(({ frontend }) => frontend.proxy === proxy)) warnAboutAccess(proxy, report);
    } else if (!leftOut(frontends, routing, proxy))
      report.change(proxy.header, 'no route that is carried over leads to it');
  }
  return { listeners, routes };
}

/** A listen section whose frontend part is left out has been reported already. */
function leftOut(frontends: readonly Frontend[], routing: readonly Frontend[], proxy: Frontend['proxy']): boolean {
  return frontends.some((frontend) => frontend.proxy === proxy && !routing.includes(frontend));
}

function carryRules({ rules }: Frontend, report: LineReport): void {
  for (const { line, changes, acls, missing } of rules) {
    report.carry(line);
    for (const change of changes) report.change(line, change);
    for (const [acl, differences] of acls) {
      report.carry(acl);
      for (const difference of differences) report.change(acl, difference);
    }
    for (const [acl, whys] of missing) {
      for (const why of whys)
        report.warn(acl ?? line, 'not-working', `${why}: requests that fit by this alone go on to the next route`);
    }
  }
}

/** Requests without a session get a route before that of their backend. A route equal to an earlier one is omitted. */
function routesOf({ rules }: Frontend, listeners: readonly string[], pools: ReadonlyMap<string, Pool>): Route[] {
  const routes: Route[] = [];
  const add = (route: Route) => {
    if (!routes.some(({ match }) => sameMatch(match, route.match))) routes.push(route);
  };
  for (const { backend, matches } of rules) {
    const ignored = pools.get(backend)?.ignored.flatMap((one) => one.matches) ?? [];
    for (const match of matches) {
      for (const free of intersectAll([match], ignored)) add({ match: free, listeners, backend, affinity: false });
      add({ match, listeners, backend, affinity: true });
    }
  }
  return routes;
}

const frontendWords = ['bind', 'use_backend', 'default_backend', 'maxconn', 'monitor-uri'];
const frontendTimeouts = ['client', 'http-request', 'http-keep-alive'];

function leaveOutFrontend({ proxy, rules }: Frontend, pools: ReadonlyMap<string, Pool>, report: LineReport): void {
  const binds = bindsOf(proxy);
  const intersect = proxy.kind === 'listen' && pools.has(proxy.name);
  // Only other sections can use a section that listens nowhere.
  const why = binds.length === 0 ? 'it listens nowhere' : `${proxy.kind} ${proxy.name} leads to no pool`;
  const where = binds.map((bind) => bind.where).join(', ');
  if (binds.length > 0 && !isStatistics(proxy.own))
    report.warn(proxy.header, 'not-working', `${why}: nothing listens on ${where} now`);
  else if (binds.length === 0 && rules.length > 0 && !intersect) report.warn(proxy.header, 'not-working', why);
  const isOfFrontend = ({ words: [word, second = ''] }: Line) =>
    !intersect || frontendWords.includes(word) || (word === 'timeout' && frontendTimeouts.includes(second));
  if (intersect) report.change(proxy.header, `it is a pool without a listener: ${why}`);
  for (const line of [...(intersect ? [] : [proxy.header]), ...proxy.own.filter(isOfFrontend)]) {
    if (report.isDecided(line)) continue;
    const specific = ['use_backend', 'default_backend', 'bind'].includes(line.words[0]) ? undefined : reasonFor(line);
    report.leaveOut(line, isAlways(line) ? why : (specific ?? why));
  }
}

/** It serves the statistics page of HAProxy, or its metrics, and no application. */
function isStatistics(lines: readonly Line[]): boolean {
  return lines.some(({ words: [word, second = '', third = ''] }) => {
    return (word === 'stats' && second !== 'socket') || (second === 'use-service' && third.startsWith('prometheus'));
  });
}

export function writeRoute({ match, listeners, affinity }: Route, pool: string): Record<string, unknown> {
  const written = { ...writeMatch(match), ...(listeners.length > 0 && { listeners }) };
  const empty = Object.keys(written).length === 0;
  return { ...(!empty && { match: written }), pool, ...(!affinity && { affinity: 'none' }) };
}
