/** Timeouts, limits and retries, which a block inherits: settings of a pool, and settings of listeners. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { isCheckPath, maxTimerMs, parseSize, parseWhole } from '../values.ts';
import type { Pool } from './upstream.ts';
import { parseTime, timeOf, writeSize } from './values.ts';

/** Settings of a pool that are in force in a block, by name. */
export type Settings = ReadonlyMap<string, Directive>;

/** Those of an inner block replace those of the outer one. */
export function innerSettings(directives: readonly Directive[], outer: Settings): Settings {
  const inner = new Map(outer);
  for (const directive of directives)
    if (isPoolSetting(directive.name) || /^(?:proxy|grpc)_ssl_/.test(directive.name))
      inner.set(directive.name, directive);
  return inner;
}

/** The fields of the config for a directive. */
interface Translation {
  readonly group: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly change?: string;
}

const MiB = 1024 ** 2;

/** Returns null if there is no counterpart. */
type Translate = (directive: Directive) => Translation | null;

const timer =
  (group: string, fields: readonly string[]): Translate =>
  ({ args }) => {
    const time = timeOf(args[0], maxTimerMs);
    return time === null ? null : { group, fields: Object.fromEntries(fields.map((field) => [field, time])) };
  };

const poolSettings: Readonly<Record<string, Translate>> = {
  proxy_connect_timeout: timer('timeouts', ['connect']),
  proxy_read_timeout: timer('timeouts', ['response', 'responseBody', 'tunnel']),
  proxy_next_upstream_tries: ({ args }) => {
    const tries = parseWhole(args[0], 0, 1_000_000);
    if (tries === null) return null;
    const change = tries === 0 || tries > 10 ? { change: 'ten servers are tried at most' } : {};
    return { group: 'retry', fields: { attempts: tries === 0 ? 10 : Math.min(tries, 10) }, ...change };
  },
  proxy_next_upstream_timeout: ({ args }) => {
    const time = parseTime(args[0]);
    if (time === 0) return { group: 'retry', fields: {} };
    return timer('retry', ['deadline'])({ args } as Directive);
  },
  proxy_next_upstream: ({ args }) => {
    if (args.includes('off')) return { group: 'retry', fields: { attempts: 1 } };
    const change =
      'what is tried again follows from how far the request came and whether it may be repeated, not from a list';
    return { group: 'retry', fields: {}, change };
  },
  proxy_buffer_size: ({ args }) => {
    const size = parseSize(args[0]);
    return size === null ? null : { group: 'limits', fields: { headBytes: writeSize(size, 512, MiB) } };
  },
  health_check: (directive) => {
    const health: Record<string, unknown> = { active: 'tcp' };
    const changes: string[] = [];
    for (const arg of directive.args) {
      const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(arg) ?? [];
      const number = parseWhole(value, 1, 100);
      const time = timeOf(value);
      if (key === 'interval' && time !== null) health.interval = time;
      else if (key === 'fails' && number !== null) health.fall = number;
      else if (key === 'passes' && number !== null) health.rise = number;
      else if (key === 'match') health.match = value;
      else if (key === 'uri' && isCheckPath(value)) health.path = value;
      else changes.push(`"${arg}" is left out`);
    }
    if (!directive.args.includes('type=tcp')) {
      delete health.active;
      health.path ??= '/';
    }
    return { group: 'health', fields: health, ...(changes.length > 0 ? { change: changes.join('; ') } : {}) };
  },
};

const listenerSettings: Readonly<Record<string, Translate>> = {
  client_header_timeout: timer('timeouts', ['requestHead']),
  client_body_timeout: timer('timeouts', ['requestBody']),
  send_timeout: timer('timeouts', ['write']),
  keepalive_timeout: timer('timeouts', ['keepAlive']),
  client_max_body_size: ({ args }) => {
    const size = parseSize(args[0]);
    if (size === null) return null;
    return { group: 'limits', fields: { bodyBytes: size === 0 ? 0 : writeSize(size, 1, 1024 ** 4) } };
  },
  large_client_header_buffers: ({ args }) => {
    const [number, size] = [parseWhole(args[0], 1, 1_000_000), parseSize(args[1])];
    if (number === null || size === null) return null;
    const uri = Math.min(Math.max(size, 64), MiB / 2);
    const head = Math.min(Math.max(size * number, 2 * uri, 512), MiB);
    return { group: 'limits', fields: { headBytes: writeSize(head, 512, MiB), uriBytes: writeSize(uri, 64, MiB) } };
  },
};

export const isPoolSetting = (name: string): boolean => Object.hasOwn(poolSettings, name);
export const isListenerSetting = (name: string): boolean => Object.hasOwn(listenerSettings, name);

/** Applies the settings of a location to its pool. The first location decides. */
export function settlePool(settings: Settings, pool: Pool, report: DirectiveReport): void {
  for (const [name, directive] of settings) {
    const translate = poolSettings[name];
    if (translate !== undefined)
      settle(directive, translate(directive), pool.config, pool.sources, `pool ${pool.name}`, report);
  }
}

/** Applies a setting to all listeners. The first server that has it decides. */
export function settleListeners(
  directive: Directive,
  listener: Record<string, unknown>,
  sources: Map<string, Directive>,
  report: DirectiveReport,
): void {
  const translation = listenerSettings[directive.name]?.(directive) ?? null;
  const size = translation?.fields.bodyBytes;
  if (size !== undefined) {
    raiseBodyLimit(directive, parseSize(directive.args[0]) ?? 0, size, listener, sources, report);
    return;
  }
  settle(directive, translation, listener, sources, 'every listener', report);
}

/** Many files have a small limit for all and a large one for a location. The listener gets the largest, so that no upload fails. */
function raiseBodyLimit(
  directive: Directive,
  bytes: number,
  written: unknown,
  listener: Record<string, unknown>,
  sources: Map<string, Directive>,
  report: DirectiveReport,
): void {
  const limits = typeof listener.limits === 'object' ? (listener.limits as Record<string, unknown>) : {};
  const before = sources.get(directive.name);
  const largest = parseSize(before?.args[0]) ?? bytes;
  if (before === undefined || bytes === 0 || (largest !== 0 && bytes > largest)) {
    sources.set(directive.name, directive);
    listener.limits = { ...limits, bodyBytes: written };
  }
  if (before === undefined || bytes === largest) report.carry(directive);
  else report.change(directive, 'every listener has one limit: the largest of the file');
}

function settle(
  directive: Directive,
  translation: Translation | null,
  config: Record<string, unknown>,
  sources: Map<string, Directive>,
  scope: string,
  report: DirectiveReport,
): void {
  if (translation === null) {
    report.leaveOut(directive, `"${directive.args.join(' ')}" is no value that can be used`);
    return;
  }
  const before = sources.get(directive.name);
  if (before !== undefined && before !== directive && before.args.join(' ') !== directive.args.join(' ')) {
    report.leaveOut(directive, `line ${before.line} says it already for ${scope}`);
    return;
  }
  sources.set(directive.name, directive);
  const group =
    typeof config[translation.group] === 'object' ? (config[translation.group] as Record<string, unknown>) : {};
  // A field that is set already is from a more specific directive, such as proxy_next_upstream off.
  if (Object.keys(translation.fields).length > 0) config[translation.group] = { ...translation.fields, ...group };
  if (translation.change === undefined) report.carry(directive);
  else report.change(directive, translation.change);
}
