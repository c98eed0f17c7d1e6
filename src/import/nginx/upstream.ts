/** An `upstream` block as a pool of ours. */

import { isIPv4 } from 'node:net';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { freeName } from '../names.ts';
import { maxTimerMs, parseWhole, serverAddress } from '../values.ts';
import { hash, ipHash, type NamedServer, type Stickiness, sticky, usedMaps } from './affinity.ts';
import { reasonFor } from './reasons.ts';
import { parseTime, timeOf } from './values.ts';

export interface Pool {
  readonly name: string;
  /** The `upstream`, or the `proxy_pass` that names an address. */
  readonly directive: Directive;
  /** As limpet.yaml has it. */
  readonly config: Record<string, unknown> & { readonly servers: Record<string, unknown>[] };
  /** Which directive said it, by the field's name. */
  readonly saidBy: Map<string, Directive>;
  /** What says how sessions are recognised. */
  sticky?: Directive;
  used: boolean;
}

interface Server extends NamedServer {
  readonly address: string;
  readonly directive: Directive;
  readonly config: Record<string, unknown>;
}

/** null: it has no server that can be carried over, and all of it is left out. */
export function readUpstream(
  upstream: Directive,
  name: string,
  maps: ReadonlyMap<string, Directive>,
  report: DirectiveReport,
): Pool | null {
  const inner = upstream.block ?? [];
  const health: Record<string, unknown> = {};
  const servers: Server[] = [];
  for (const directive of inner) if (directive.name === 'server') readServer(directive, servers, health, report);
  if (servers.length === 0) {
    const state = inner.some((one) => one.name === 'state') ? ' (state)' : '';
    const own = inner.some((one) => one.name === 'server');
    const why = own ? 'no server that can be carried over' : `no server in this file${state}`;
    report.leaveOut(upstream, `upstream ${upstream.args[0] ?? ''} has ${why}`);
    return null;
  }
  report.carry(upstream);
  const config = { servers: servers.map(({ config }) => config), affinity: 'none' as unknown };
  const pool: Pool = { name, directive: upstream, config, saidBy: new Map(), used: false };
  let balance: Directive | undefined;
  let stickiness: Directive | undefined;
  const stick = (directive: Directive, found: Stickiness): void => {
    if ('why' in found) {
      report.warn(directive, 'not-sticky', found.why);
    } else if (stickiness !== undefined) {
      report.leaveOut(directive, `line ${stickiness.line} says already how sessions are recognised`);
    } else {
      stickiness = directive;
      pool.sticky = directive;
      config.affinity = found.entries;
      if (found.changes.length === 0) report.carry(directive);
      for (const change of found.changes) report.change(directive, change);
      if (directive.name === 'sticky') for (const used of usedMaps(directive, maps)) carryMap(used, report);
    }
  };
  // `sticky` goes before the method that chooses for new clients, wherever it stands.
  for (const directive of inner.filter((one) => one.name === 'sticky'))
    stick(directive, sticky(directive, servers, maps));
  for (const directive of inner) {
    if (directive.name === 'server' || directive.name === 'sticky') continue;
    const method = balanceOf(directive);
    if (directive.name === 'ip_hash') stick(directive, ipHash());
    else if (directive.name === 'hash') stick(directive, hash(directive));
    else if (method !== null) {
      if (balance !== undefined) report.leaveOut(directive, `line ${balance.line} says already how servers are chosen`);
      else {
        balance = directive;
        if (method.name !== 'least-requests') pool.config.balance = method.name;
        if (method.change === '') report.carry(directive);
        else report.change(directive, method.change);
      }
    } else readSetting(directive, pool, report);
  }
  reportNames(servers, config.affinity !== 'none', report);
  // nginx's own default. Where the place follows from a key there is nothing to choose by turns.
  if (balance === undefined && config.affinity === 'none') pool.config.balance = 'round-robin';
  if (Object.keys(health).length > 0) pool.config.health = health;
  return pool;
}

/** nginx takes every address of a name as a server of its own. */
function reportNames(servers: readonly Server[], sticky: boolean, report: DirectiveReport): void {
  for (const { address, directive, config, route } of servers) {
    const [host = '', port = ''] = /^unix:|^\[|^[0-9.]+:/.test(address) ? [] : address.split(':');
    if (host === '' || host === 'localhost') continue;
    const resolve = directive.args.includes('resolve');
    if (route === '' && (servers.length === 1 || resolve)) {
      config.resolve = 'all';
      report.change(
        directive,
        `every address of ${host} is a server, as in nginx (resolve: all), and is looked up again`,
      );
    } else if (sticky && resolve) {
      report.warn(
        directive,
        'not-sticky',
        `nginx takes every address of ${host} as a server, and ${host}:${port} is one server here`,
      );
    } else report.change(directive, `nginx takes every address of ${host} as a server: here they are one`);
  }
}

function carryMap(
  { map, entry }: { readonly map: Directive; readonly entry: Directive },
  report: DirectiveReport,
): void {
  report.carry(map);
  for (const inner of map.block ?? []) {
    if (inner === entry) report.carry(inner);
    else report.leaveOut(inner, `of this map the entry of line ${entry.line} alone is used`);
  }
}

function balanceOf({ name, args }: Directive): { readonly name: string; readonly change: string } | null {
  if (name === 'least_conn') return { name: 'least-requests', change: '' };
  if (name === 'least_time') {
    return { name: 'least-requests', change: 'the server with the fewest requests is taken, times are not measured' };
  }
  if (name === 'round_robin') return { name: 'round-robin', change: '' };
  if (name !== 'random') return null;
  if (args[0] !== 'two') return { name: 'random', change: '' };
  const exact = args[1] === undefined || args[1] === 'least_conn';
  return {
    name: 'two-choices',
    change: exact ? '' : 'of two the one with fewer requests is taken, times are not measured',
  };
}

function readServer(
  directive: Directive,
  servers: Server[],
  health: Record<string, unknown>,
  report: DirectiveReport,
): void {
  const [text = '', ...parameters] = directive.args;
  const address = serverAddress(text, 80);
  const why = whyNot(text, address, parameters, servers);
  if (address === null || why !== '') {
    report.leaveOut(directive, why);
    return;
  }
  report.carry(directive);
  const route = parameters.find((one) => one.startsWith('route='))?.slice('route='.length) ?? '';
  const name = nameFor(address, route, servers);
  const config: Record<string, unknown> = { name, address };
  for (const parameter of parameters) {
    const change = readParameter(parameter, config, health);
    if (change !== '') report.change(directive, change);
  }
  servers.push({ name, route, address, directive, config });
}

/** '' nothing speaks against it. */
function whyNot(
  text: string,
  address: string | null,
  parameters: readonly string[],
  servers: readonly Server[],
): string {
  if (address === null) return `"${text}" is no address of a server`;
  if (parameters.includes('down')) return 'it is marked down';
  if (parameters.includes('drain')) return 'it is marked drain';
  // With weight 0 it would take sessions never, not even when all others fail.
  if (parameters.includes('backup'))
    return 'it is a backup, and there are none here: every server of a pool takes sessions';
  const same = servers.find((other) => other.address === address);
  return same === undefined ? '' : `the server of line ${same.directive.line} has the same address`;
}

/** `route=a` is `a`, `app1.internal:8080` is `app1`; addresses are `s1`, `s2`. Sessions are kept by name. */
function nameFor(address: string, route: string, servers: readonly Server[]): string {
  const taken = new Set(servers.map(({ name }) => name));
  if (route !== '') return freeName(route, taken);
  const [host = '', port = ''] = address.startsWith('unix:') ? [] : address.split(':');
  const [, label] = /^((?![0-9.]+$)[\w-]+)(?:\.|$)/.exec(host) ?? [];
  if (label !== undefined && !isIPv4(host)) return freeName(taken.has(label) ? `${host}-${port}` : label, taken);
  for (let n = servers.length + 1; ; n++) if (!taken.has(`s${n}`)) return `s${n}`;
}

/** Answers what is not quite the same, '' nothing. */
function readParameter(text: string, config: Record<string, unknown>, health: Record<string, unknown>): string {
  const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(text) ?? [];
  const whole = (max: number) => parseWhole(value, 0, max);
  if (key === 'weight') {
    const weight = whole(65_535);
    if (weight === null) return `"${text}" is no weight from 0 to 65535`;
    if (weight !== 1) config.weight = weight;
    return '';
  }
  if (key === 'max_conns') {
    const most = whole(1_000_000);
    if (most === null) return `"${text}" is no number from 0 to 1000000`;
    if (most !== 0) config.maxRequests = most;
    return '';
  }
  if (key === 'max_fails' || key === 'fail_timeout') return readPassive(key, value, text, health);
  if (key === 'slow_start') {
    const time = timeOf(value, maxTimerMs);
    if (time !== null) health.slowStart ??= time;
    return time === null || health.slowStart === time
      ? ''
      : `slowStart is one for the pool, ${String(health.slowStart)}`;
  }
  if (key === 'route') return '';
  if (key === 'resolve') return '';
  return `"${text}" is not known to this importer`;
}

function readPassive(key: string, value: string, text: string, health: Record<string, unknown>): string {
  const before = typeof health.passive === 'object' ? (health.passive as Record<string, unknown>) : {};
  const time = parseTime(value);
  const field = key === 'max_fails' ? 'connectErrors' : 'ejection';
  const wanted = key === 'max_fails' ? parseWhole(value, 0, 1000) : timeOf(value);
  if (wanted === null) return `"${text}" is left out: it is no value that can be used`;
  if (wanted === 0) {
    health.passive ??= false;
    return health.passive === false ? '' : 'max_fails=0 is left out: the setting is one for the whole pool';
  }
  if (health.passive === false) return `"${text}" is left out: the pool has max_fails=0`;
  if (before[field] !== undefined && before[field] !== wanted) {
    return `${field} is one for the whole pool, ${String(before[field])}`;
  }
  health.passive = { ...before, [field]: wanted };
  // An ejection may not be longer than the longest, which is a minute unless told.
  if (field === 'ejection' && time !== null && time > 60_000) {
    health.passive = { ...before, ejection: wanted, maxEjection: wanted };
  }
  return field === 'connectErrors' ? 'max_fails counts connection errors in a row, and is one for the whole pool' : '';
}

function readSetting(directive: Directive, { config }: Pool, report: DirectiveReport): void {
  const { name, args } = directive;
  const size = parseWhole(args[0], 0, 65_535);
  const time = timeOf(args[0]);
  if (name === 'keepalive' && size !== null && config.maxIdle === undefined) config.maxIdle = size;
  else if (name === 'keepalive_timeout' && time !== null && config.timeouts === undefined)
    config.timeouts = { keepAlive: time };
  else if (name === 'queue' && size !== null && config.queue === undefined) {
    const [, timeout] = /^timeout=(.*)$/.exec(args[1] ?? '') ?? [];
    config.queue = { max: size, timeout: timeOf(timeout) ?? '60s' };
  } else if (name !== 'zone') {
    report.leaveOut(directive, reasonFor(name));
    return;
  }
  // The state of a pool is shared by all workers without being told.
  report.carry(directive);
}
