/** `limpet import haproxy.cfg`: backends are pools, frontends are listeners and routes; every other line gets a note. */

import { UsageError } from '../../errors.ts';
import type { Importer } from '../imported.ts';
import { Loops } from '../loops.ts';
import { refuseBlocks } from '../template.ts';
import { maxTimerMs, parseWhole, withoutVariables, writeTime } from '../values.ts';
import { Directives } from './directives.ts';
import { bindsOf, type Frontend, readFrontend } from './frontend.ts';
import { LineReport } from './line-report.ts';
import { type Line, readLines } from './lines.ts';
import type { Pool } from './pool.ts';
import { noPool, readPools } from './pools.ts';
import { reasonFor } from './reasons.ts';
import { type Routing, readRouting, writeRoute } from './routes.ts';
import { type ProxySection, readSections } from './sections.ts';
import { readBases } from './tls.ts';
import { makeCookieNamesUnique } from './unique-cookies.ts';
import { parseTime, poolName } from './values.ts';

export const importHaproxy: Importer = (text, file, loops = new Loops()) => {
  refuseBlocks(text, file);
  const lines = readLines(text, file);
  const report = new LineReport(text);
  const { global, proxies } = readSections(lines, file, report);
  const directives = new Map(
    proxies
      .filter((proxy) => isHttpSection(proxy, report))
      .map((proxy) => [proxy, new Directives(proxy.lines, report)] as const),
  );
  const globals = new Directives(global, report);
  const bases = readBases(globals);
  const pools = readPools(directives, proxies, report, loops, bases);
  if (pools.size === 0) throw noPool(proxies, lines, report, file);
  const backends = {
    isPool: (name: string) => pools.has(name),
    isServerless: (name: string) => proxies.some((proxy) => proxy.name === name && answersItself(proxy)),
  };
  const frontends = [...directives]
    .filter(([{ kind }]) => kind !== 'backend')
    .map(([proxy, found]) => readFrontend(proxy, found, backends));
  const routing = readRouting(frontends, pools, report, bases);
  if (routing.routes.length === 0) throw noRoute(frontends, report, file);
  const config = {
    listeners: routing.listeners,
    ...writePools(pools, routing, report),
    ...readCapacity(pools, report),
    ...readGlobal(globals),
  };
  for (const line of lines) if (!report.isDecided(line)) report.leaveOut(line, reasonFor(line) ?? unknown(line));
  return { config: withoutVariables(config) as Record<string, unknown>, notes: report.notes(lines) };
};

/** A backend without servers: it refuses requests, or answers them itself. */
function answersItself({ kind, own }: ProxySection): boolean {
  const unsupportedTargets = ['server', 'server-template', 'dispatch', 'use-fcgi-app'];
  const option = (words: readonly string[]) =>
    words[0] === 'option' && ['http_proxy', 'transparent'].includes(words[1] ?? '');
  return kind === 'backend' && !own.some(({ words }) => unsupportedTargets.includes(words[0]) || option(words));
}

function unknown({ words: [word, second = ''] }: Line): string {
  return `"${[word, ...(word === 'no' ? [second] : [])].join(' ')}" is not known to this importer`;
}

/** Checks and logs of protocols that are not HTTP. */
const otherProtocol =
  /^option (?:tcplog|mysql-check|pgsql-check|redis-check|smtpchk|ldap-check|ssl-hello-chk)\b|^tcp-check (?:send|expect)\b/;

/** A section with mode tcp balances connections, not requests, and is left out. */
function isHttpSection({ kind, header, lines, own }: ProxySection, report: LineReport): boolean {
  const found = lines.filter(({ words }) => words[0] === 'mode');
  const mode = found.at(-1);
  const other = own.find(({ words }) => otherProtocol.test(words.join(' ')));
  if (mode === undefined && other === undefined)
    report.change(header, 'no mode is given, which is tcp for HAProxy: it is taken as http');
  else if (mode?.words[1] !== 'http') {
    const why =
      mode === undefined
        ? `no mode is given, and line ${other?.number} is of another protocol: only HTTP is balanced here`
        : `mode ${mode.words[1] ?? ''}: only HTTP is balanced here`;
    const binds = bindsOf({ header, lines: own }).map(({ where }) => where);
    if (kind !== 'backend')
      report.warn(header, 'not-working', `${why}, and nothing listens on ${binds.join(', ')} now`);
    for (const line of [header, ...own]) report.leaveOut(line, why);
    if (mode !== undefined) report.leaveOut(mode, why);
    return false;
  } else report.carry(mode);
  for (const line of found.slice(0, -1)) report.leaveOut(line, `line ${mode?.number} overrules it`);
  return true;
}

/** Why there is no route at all, with the line. */
function noRoute(frontends: readonly Frontend[], report: LineReport, file: string): UsageError {
  const [frontend] = frontends.filter(({ proxy }) => bindsOf(proxy).length > 0);
  const notes = frontends.flatMap(({ proxy }) => report.notes([proxy.header, ...proxy.own]));
  const note = notes.find(({ concern, text }) => concern !== undefined && /^(?:use_|default_)backend|^bind/.test(text));
  const why =
    frontend === undefined
      ? 'no frontend or listen section with a bind line is in this file, so where it listens is not known'
      : `line ${note?.line ?? frontend.proxy.header.number}: ${note?.why ?? `${frontend.proxy.kind} ${frontend.proxy.name} leads to no backend`}`;
  const line = note?.line ?? frontend?.proxy.header.number ?? frontends[0]?.proxy.header.number ?? 1;
  return new UsageError(`${file}:${line}: found no route that can be carried over: ${why}`);
}

function writePools(pools: ReadonlyMap<string, Pool>, { routes }: Routing, report: LineReport) {
  const names = new Map<string, string>();
  for (const [name, { proxy }] of pools) {
    const given = poolName(name, new Set(names.values()));
    names.set(name, given);
    if (given !== name) report.change(proxy.header, `its pool is named ${given}`);
  }
  const apart = makeCookieNamesUnique(pools, routes, names, report);
  const written = Object.fromEntries(Array.from(pools.keys(), (name) => [names.get(name) ?? name, apart.get(name)]));
  const [only] = routes;
  const plain =
    routes.length === 1 &&
    pools.size === 1 &&
    only?.affinity === true &&
    only.match.host === '' &&
    only.match.path === '/';
  const free = plain && only.match.methods.length + only.match.extensions.length === 0;
  return {
    pools: written,
    // One pool for all requests needs no routes.
    routes: free ? undefined : routes.map((route) => writeRoute(route, names.get(route.backend) ?? route.backend)),
  };
}

/** All pools share one session table, so it needs the size of all stick tables together. */
function readCapacity(pools: ReadonlyMap<string, Pool>, report: LineReport): Record<string, unknown> {
  const tables = [...new Set(Array.from(pools.values(), (pool) => pool.tables).flat())];
  const sum = tables.reduce((total, { size }) => total + size, 0);
  if (sum === 0) return {};
  const capacity = Math.min(Math.max(sum, 1000), 100_000_000);
  for (const { line } of capacity === sum ? [] : tables) {
    report.change(line, `the session table has room for 1,000 to 100,000,000 sessions: ${capacity}`);
  }
  return { table: { capacity } };
}

function readGlobal(directives: Directives): Record<string, unknown> {
  const { report } = directives;
  const threads = directives.last('nbthread');
  const stop = directives.last('hard-stop-after');
  const workers = threads === undefined ? null : parseWhole(threads.words[1], 1, 254);
  const timeout = stop === undefined ? null : parseTime(stop.words[1]);
  if (threads !== undefined) {
    if (workers === null) report.leaveOut(threads, `"${threads.words[1] ?? ''}" is no number of workers from 1 to 254`);
    else report.carry(threads);
  }
  if (stop !== undefined) {
    if (!timeout) report.leaveOut(stop, `"${stop.words[1] ?? ''}" is no time`);
    else report.carry(stop);
  }
  return {
    ...(workers !== null && { workers }),
    ...(timeout && { shutdown: { timeout: writeTime(timeout, maxTimerMs) } }),
  };
}
