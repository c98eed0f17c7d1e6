/** An `upstream` block as a pool: its servers, how sessions are recognised, and how servers are chosen for new clients. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Loops } from '../loops.ts';
import { parseWhole } from '../values.ts';
import { hash, ipHash, type Stickiness, sticky, usedMaps } from './affinity.ts';
import { reasonFor } from './reasons.ts';
import { readServer, reportNames, type Server } from './servers.ts';
import { timeOf } from './values.ts';

export interface Pool {
  readonly name: string;
  /** The `upstream`, or the `proxy_pass` that names an address. */
  readonly directive: Directive;
  /** As limpet.yaml has it. */
  readonly config: Record<string, unknown> & { readonly servers: Record<string, unknown>[] };
  /** Which directive a field is from, by the name of that directive. */
  readonly sources: Map<string, Directive>;
  /** The directive for how sessions are recognised. */
  sticky?: Directive;
  /** `protocol` and `tls`, as the first location that leads to it says; undefined: none does. */
  speaks?: Readonly<Record<string, unknown>>;
  /** A route leads to it. */
  used: boolean;
}

/** Returns null if no server of it can be carried over: all of it is left out. */
export function readUpstream(
  upstream: Directive,
  name: string,
  maps: ReadonlyMap<string, Directive>,
  { report, loops }: { readonly report: DirectiveReport; readonly loops: Loops },
): Pool | null {
  const inner = upstream.block ?? [];
  const health: Record<string, unknown> = {};
  const servers: Server[] = [];
  for (const directive of inner)
    if (directive.name === 'server') readServer(directive, { servers, health, report, loops });
  if (servers.length === 0) {
    const state = inner.some((one) => one.name === 'state') ? ' (state)' : '';
    const own = inner.some((one) => one.name === 'server');
    const why = own ? 'no server that can be carried over' : `no server in this file${state}`;
    report.leaveOut(upstream, `upstream ${upstream.args[0] ?? ''} has ${why}`);
    return null;
  }
  report.carry(upstream);
  const config = { servers: servers.map(({ config }) => config), affinity: 'none' as unknown };
  const pool: Pool = { name, directive: upstream, config, sources: new Map(), used: false };
  let balance: Directive | undefined;
  let stickiness: Directive | undefined;
  const setStickiness = (directive: Directive, found: Stickiness): void => {
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
  // `sticky` goes before the balance method, wherever it is in the block.
  for (const directive of inner.filter((one) => one.name === 'sticky'))
    setStickiness(directive, sticky(directive, servers, maps));
  for (const directive of inner) {
    if (directive.name === 'server' || directive.name === 'sticky') continue;
    const method = balanceOf(directive);
    if (directive.name === 'ip_hash') setStickiness(directive, ipHash());
    else if (directive.name === 'hash') setStickiness(directive, hash(directive));
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
  // Round robin is the default of nginx. Where a key decides, nothing is left to choose.
  if (balance === undefined && config.affinity === 'none') pool.config.balance = 'round-robin';
  if (Object.keys(health).length > 0) pool.config.health = health;
  return pool;
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
  // `zone`: all workers share the state of a pool in any case.
  report.carry(directive);
}
