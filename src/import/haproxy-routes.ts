/** Routes of the frontends that can be one: all routes are on all listeners here, so the others are left out. */
import { type Front, readListeners, sameRules } from './haproxy-front.ts';
import type { Ledger } from './haproxy-ledger.ts';
import type { Line } from './haproxy-lines.ts';
import { allBoth, anything, type Match, sameMatch, writeMatch } from './haproxy-match.ts';
import type { Pool } from './haproxy-pool.ts';
import { isAlways, reasonFor } from './haproxy-reasons.ts';

export interface Route {
  readonly match: Match;
  /** Name of the backend. */
  readonly backend: string;
  readonly affinity: boolean;
}

export interface Routing {
  readonly listeners: readonly Record<string, unknown>[];
  readonly routes: readonly Route[];
}

/** Where a person tries it out, when nothing in the file can be listened on. */
const standIn = '127.0.0.1:8080';

export function readRouting(fronts: readonly Front[], pools: ReadonlyMap<string, Pool>, ledger: Ledger): Routing {
  const leading = fronts.filter(({ rules }) => rules.length > 0);
  const [main] = leading;
  const same = leading.filter((front) => main !== undefined && sameRules(front, main));
  for (const front of fronts.filter((one) => !same.includes(one))) leaveOutFront(front, main, pools, ledger);
  const [first] = pools.values();
  if (main === undefined) {
    if (first === undefined) return { listeners: [], routes: [] };
    ledger.change(
      first.proxy.header,
      `no frontend that is carried over leads here: it gets every request, on ${standIn}`,
    );
    return {
      listeners: [{ address: standIn }],
      routes: [{ match: anything, backend: first.proxy.name, affinity: true }],
    };
  }
  const taken = new Set<string>();
  const read = same.map((front) => readListeners(front, taken));
  const listeners = read.flatMap((one) => one.listeners);
  if (listeners.length === 0) {
    const line = read.find(({ tls }) => tls !== undefined)?.tls ?? main.proxy.header;
    ledger.change(
      line,
      `nothing of it can be listened on, so ${standIn} stands in: put a proxy that speaks TLS in front`,
    );
    listeners.push({ address: standIn });
  }
  for (const front of same) carryRules(front, ledger);
  const routes = routesOf(main, pools);
  // Of a listen section whose front is left out that has been told already.
  const told = new Set(fronts.filter((front) => !same.includes(front)).map(({ proxy }) => proxy));
  for (const [name, { proxy }] of pools) {
    if (told.has(proxy) || routes.some(({ backend }) => backend === name)) continue;
    ledger.change(proxy.header, 'no route that is carried over leads to it');
  }
  return { listeners, routes };
}

function carryRules({ rules }: Front, ledger: Ledger): void {
  for (const { line, changes, acls } of rules) {
    ledger.carry(line);
    for (const change of changes) ledger.change(line, change);
    for (const [acl, differences] of acls) {
      ledger.carry(acl);
      for (const difference of differences) ledger.change(acl, difference);
    }
  }
}

/** Before each route stands what of it is nobody's session. A route like an earlier one would never be asked. */
function routesOf({ rules }: Front, pools: ReadonlyMap<string, Pool>): Route[] {
  const routes: Route[] = [];
  const add = (route: Route) => {
    if (!routes.some(({ match }) => sameMatch(match, route.match))) routes.push(route);
  };
  for (const { backend, matches } of rules) {
    const ignored = pools.get(backend)?.ignored.flatMap((one) => one.matches) ?? [];
    for (const match of matches) {
      for (const free of allBoth([match], ignored)) add({ match: free, backend, affinity: false });
      add({ match, backend, affinity: true });
    }
  }
  return routes;
}

const frontWords = ['bind', 'use_backend', 'default_backend', 'maxconn', 'monitor-uri'];
const frontTimes = ['client', 'http-request', 'http-keep-alive'];

function leaveOutFront(
  { proxy, rules }: Front,
  main: Front | undefined,
  pools: ReadonlyMap<string, Pool>,
  ledger: Ledger,
): void {
  const why =
    rules.length === 0
      ? `${proxy.kind} ${proxy.name} leads to no pool`
      : `all routes are on all listeners, and ${main?.proxy.kind} ${main?.proxy.name} (line ${main?.proxy.header.number}) has other ones: run a Limpet of its own for it`;
  const both = proxy.kind === 'listen' && pools.has(proxy.name);
  const ofFront = ({ words: [word, second = ''] }: Line) =>
    !both || frontWords.includes(word) || (word === 'timeout' && frontTimes.includes(second));
  if (both) ledger.change(proxy.header, `it is a pool without a listener: ${why}`);
  for (const line of [...(both ? [] : [proxy.header]), ...proxy.own.filter(ofFront)]) {
    if (!ledger.isOpen(line)) continue;
    const special = ['use_backend', 'default_backend', 'bind'].includes(line.words[0]) ? undefined : reasonFor(line);
    ledger.leaveOut(line, isAlways(line) ? why : (special ?? why));
  }
}

export function writeRoute({ match, affinity }: Route, pool: string): Record<string, unknown> {
  const written = writeMatch(match);
  return { ...(written !== undefined && { match: written }), pool, ...(!affinity && { affinity: 'none' }) };
}
