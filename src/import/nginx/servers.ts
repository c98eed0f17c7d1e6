/** The `server` lines of an upstream: servers of a pool, with parameters about its health. */

import { isIPv4 } from 'node:net';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Loops } from '../loops.ts';
import { freeName } from '../names.ts';
import { parseWhole, serverAddress } from '../values.ts';
import type { NamedServer } from './affinity.ts';
import { parseTime, timeOf } from './values.ts';

export interface Server extends NamedServer {
  readonly address: string;
  readonly directive: Directive;
  /** As in `pools.NAME.servers[]`. */
  readonly config: Record<string, unknown>;
}

interface UpstreamParts {
  readonly servers: Server[];
  /** The fields of `health`, to which parameters of servers add. */
  readonly health: Record<string, unknown>;
  readonly report: DirectiveReport;
  readonly loops: Loops;
}

/** Adds the server to `servers`, and its parameters about health to `health`. */
export function readServer(directive: Directive, { servers, health, report, loops }: UpstreamParts): void {
  const [text = '', ...parameters] = directive.args;
  const address = serverAddress(text, 80);
  const why = whyLeftOut(text, address, parameters, servers);
  if (address === null || why !== '') {
    report.leaveOut(directive, why);
    return;
  }
  const loop = loops.why(address);
  if (loop !== null) {
    report.leaveOut(directive, loop);
    report.warn(directive, 'not-working', loop);
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

/** Why it is not carried over; '' it is. */
function whyLeftOut(
  text: string,
  address: string | null,
  parameters: readonly string[],
  servers: readonly Server[],
): string {
  if (address === null) return `"${text}" is no address of a server`;
  if (parameters.includes('down')) return 'it is marked down';
  if (parameters.includes('drain')) return 'it is marked drain';
  // With weight 0 it would never take a session, not even when all others fail.
  if (parameters.includes('backup'))
    return 'it is a backup, and there are none here: every server of a pool takes sessions';
  const duplicate = servers.find((other) => other.address === address);
  return duplicate === undefined ? '' : `the server of line ${duplicate.directive.line} has the same address`;
}

/** Sessions are kept by this name. `route=a` is `a`, `app1.internal:8080` is `app1`; addresses are `s1`, `s2`. */
function nameFor(address: string, route: string, servers: readonly Server[]): string {
  const taken = new Set(servers.map(({ name }) => name));
  if (route !== '') return freeName(route, taken);
  const [host = '', port = ''] = address.startsWith('unix:') ? [] : address.split(':');
  const [, label] = /^((?![0-9.]+$)[\w-]+)(?:\.|$)/.exec(host) ?? [];
  if (label !== undefined && !isIPv4(host)) return freeName(taken.has(label) ? `${host}-${port}` : label, taken);
  for (let n = servers.length + 1; ; n++) if (!taken.has(`s${n}`)) return `s${n}`;
}

/** Returns what is not quite the same; '' nothing. */
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
    const max = whole(1_000_000);
    if (max === null) return `"${text}" is no number from 0 to 1000000`;
    if (max !== 0) config.maxRequests = max;
    return '';
  }
  if (key === 'max_fails' || key === 'fail_timeout') return readPassive(key, value, text, health);
  if (key === 'slow_start') {
    const time = timeOf(value);
    if (time !== null) health.slowStart ??= time;
    return time === null || health.slowStart === time
      ? ''
      : `slowStart is one for the pool, ${String(health.slowStart)}`;
  }
  return key === 'route' || key === 'resolve' ? '' : `"${text}" is not known to this importer`;
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
  // The longest ejection is a minute by default, and must not be shorter than the first one.
  if (field === 'ejection' && time !== null && time > 60_000) {
    health.passive = { ...before, ejection: wanted, maxEjection: wanted };
  }
  return field === 'connectErrors' ? 'max_fails counts connection errors in a row, and is one for the whole pool' : '';
}

/** nginx treats every address of a name as a server. */
export function reportNames(servers: readonly Server[], sticky: boolean, report: DirectiveReport): void {
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
