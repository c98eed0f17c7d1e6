/** The importer of haproxy.cfg: what concerns servers, stickiness and the way to them, and a note for every other line. */
import { UsageError } from '../errors.ts';
import { tellApart } from './haproxy-cookie-names.ts';
import { Directives } from './haproxy-directives.ts';
import { readFront } from './haproxy-front.ts';
import { Ledger } from './haproxy-ledger.ts';
import { type Line, readLines } from './haproxy-lines.ts';
import { type Pool, readPool } from './haproxy-pool.ts';
import { reasonFor } from './haproxy-reasons.ts';
import { type Routing, readRouting, writeRoute } from './haproxy-routes.ts';
import { type ProxySection, readSections } from './haproxy-sections.ts';
import { readTable, type Table } from './haproxy-stick.ts';
import { longestTimer, parseTime, parseWhole, poolName, writeTime } from './haproxy-values.ts';
import type { Importer } from './imported.ts';

export const importHaproxy: Importer = (text, file) => {
  const lines = readLines(text, file);
  const ledger = new Ledger();
  const { global, proxies } = readSections(lines, file, ledger);
  const directives = new Map(
    proxies
      .filter((proxy) => speaksHttp(proxy, ledger))
      .map((proxy) => [proxy, new Directives(proxy.lines, ledger)] as const),
  );
  const pools = readPools(directives, ledger);
  if (pools.size === 0) throw noPool(proxies, lines, ledger, file);
  const fronts = [...directives]
    .filter(([{ kind }]) => kind !== 'backend')
    .map(([proxy, found]) => readFront(proxy, found, (name) => pools.has(name)));
  const routing = readRouting(fronts, pools, ledger);
  const config = {
    listeners: routing.listeners,
    ...writePools(pools, routing, ledger),
    ...readCapacity(pools, ledger),
    ...readGlobal(new Directives(global, ledger)),
  };
  for (const line of lines) if (ledger.isOpen(line)) ledger.leaveOut(line, reasonFor(line) ?? unknown(line));
  return { config: escaped(config) as Record<string, unknown>, notes: ledger.notes(lines) };
};

function unknown({ words: [word, second = ''] }: Line): string {
  return `"${[word, ...(word === 'no' ? [second] : [])].join(' ')}" is not known to this importer`;
}

/** A section whose mode is tcp balances connections: nothing of it can be said of requests. */
function speaksHttp({ header, lines, own }: ProxySection, ledger: Ledger): boolean {
  const found = lines.filter(({ words }) => words[0] === 'mode');
  const mode = found.at(-1);
  if (mode === undefined) ledger.change(header, 'no mode is given, which is tcp for HAProxy: it is taken as http');
  else if (mode.words[1] !== 'http') {
    for (const line of [header, ...own])
      ledger.leaveOut(line, `mode ${mode.words[1] ?? ''}: only HTTP is balanced here`);
    ledger.leaveOut(mode, 'only HTTP is balanced here');
    return false;
  } else ledger.carry(mode);
  for (const line of found.slice(0, -1)) ledger.leaveOut(line, `line ${mode?.number} overrules it`);
  return true;
}

/** By the name of the section. */
function readPools(directives: ReadonlyMap<ProxySection, Directives>, ledger: Ledger): Map<string, Pool> {
  const tables = new Map<string, Table>();
  for (const [{ name }, found] of directives) {
    const table = readTable(found);
    if (table !== undefined) tables.set(name, table);
  }
  const pools = new Map<string, Pool>();
  for (const [proxy, found] of directives) {
    if (proxy.kind === 'frontend') continue;
    const pool = readPool(proxy, found, tables);
    if (pool !== null) pools.set(proxy.name, pool);
    else if (proxy.kind === 'backend') {
      ledger.leaveOut(proxy.header, 'no server of it can be carried over');
      for (const line of proxy.own.filter((one) => ledger.isOpen(one))) {
        ledger.leaveOut(line, `no server of backend ${proxy.name} can be carried over`);
      }
    }
  }
  return pools;
}

function noPool(proxies: readonly ProxySection[], lines: readonly Line[], ledger: Ledger, file: string): UsageError {
  const proxy = proxies.find(({ kind }) => kind !== 'frontend');
  const header = proxy?.header ?? lines[0];
  const notes = ledger.notes(proxy?.own.filter(({ words }) => words[0].startsWith('server')) ?? []);
  const why = notes.find(({ kind }) => kind === 'left-out')?.why ?? 'there is no server in a backend or listen section';
  return new UsageError(`${file}:${header?.number ?? 1}: found no server that can be carried over: ${why}`);
}

function writePools(pools: ReadonlyMap<string, Pool>, { routes }: Routing, ledger: Ledger) {
  const names = new Map<string, string>();
  for (const [name, { proxy }] of pools) {
    const given = poolName(name, new Set(names.values()));
    names.set(name, given);
    if (given !== name) ledger.change(proxy.header, `its pool is named ${given}`);
  }
  const apart = tellApart(pools, routes, names, ledger);
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
    // With one pool that takes everything there is nothing to route.
    routes: free ? undefined : routes.map((route) => writeRoute(route, names.get(route.backend) ?? route.backend)),
  };
}

/** One table serves all pools, so it must hold what all of their stick tables held. */
function readCapacity(pools: ReadonlyMap<string, Pool>, ledger: Ledger): Record<string, unknown> {
  const tables = [...new Set(Array.from(pools.values(), (pool) => pool.tables).flat())];
  const sum = tables.reduce((total, { size }) => total + size, 0);
  if (sum === 0) return {};
  const capacity = Math.min(Math.max(sum, 1000), 100_000_000);
  for (const { line } of capacity === sum ? [] : tables) {
    ledger.change(line, `the session table has room for 1,000 to 100,000,000 sessions: ${capacity}`);
  }
  return { table: { capacity } };
}

function readGlobal(directives: Directives): Record<string, unknown> {
  const { ledger } = directives;
  const threads = directives.last('nbthread');
  const stop = directives.last('hard-stop-after');
  const workers = threads === undefined ? null : parseWhole(threads.words[1], 1, 254);
  const timeout = stop === undefined ? null : parseTime(stop.words[1]);
  if (threads !== undefined) {
    if (workers === null) ledger.leaveOut(threads, `"${threads.words[1] ?? ''}" is no number of workers from 1 to 254`);
    else ledger.carry(threads);
  }
  if (stop !== undefined) {
    if (!timeout) ledger.leaveOut(stop, `"${stop.words[1] ?? ''}" is no time`);
    else ledger.carry(stop);
  }
  return {
    ...(workers !== null && { workers }),
    ...(timeout && { shutdown: { timeout: writeTime(timeout, longestTimer) } }),
  };
}

/** A dollar sign that would begin a variable in our config is written twice; what is undefined is not written. */
function escaped(node: unknown): unknown {
  if (typeof node === 'string') return node.replace(/\$(?=[${])/g, '$$$$');
  if (Array.isArray(node)) return node.map(escaped);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]) => (value === undefined ? [] : [[key, escaped(value)]])),
  );
}
