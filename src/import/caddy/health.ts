/** `health` of a pool, from `health_*`, `fail_duration` and similar lines of `reverse_proxy`. */

import { formatDuration } from '../../config/units.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { isCheckHost, isCheckPath, parseGoDuration, parseWhole, writeTime } from '../values.ts';

/** Returns null when the config needs no `health`. */
export function readHealth(block: readonly Directive[], report: DirectiveReport): Fields | null {
  const found = { ...readPassive(block, report), ...readActive(block, report) };
  return Object.keys(found).length === 0 ? null : found;
}

function readActive(block: readonly Directive[], report: DirectiveReport): Fields {
  const at = (name: string) => block.findLast((one) => one.name === name);
  const uri = at('health_uri') ?? at('health_path');
  if (uri === undefined) return {};
  const unsupported = ['health_port', 'health_upstream', 'health_request_body'].flatMap((name) => at(name) ?? []);
  const method = at('health_method');
  const path = uri.args[0] ?? '';
  const host = at('health_headers')?.block?.find(({ name }) => /^host$/i.test(name));
  const others = at('health_headers')?.block?.filter((one) => one !== host) ?? [];
  if (!isCheckPath(path) || unsupported.length > 0 || others.length > 0) {
    const why = 'what is asked would not be what Caddy asks, so there is no check';
    for (const one of [uri, ...unsupported, ...others]) report.leaveOut(one, why);
    return {};
  }
  report.carry(uri);
  if (method !== undefined && method.args[0]?.toUpperCase() !== 'GET') report.change(method, 'it is asked with GET');
  else if (method !== undefined) report.carry(method);
  const interval = timeAt(at('health_interval'), 30_000, report);
  const timeout = timeAt(at('health_timeout'), 5000, report);
  if (timeout > interval) {
    report.change(at('health_timeout') ?? uri, commonReasons.checkTimeout);
  }
  const health: Fields = { path };
  if (host !== undefined && isCheckHost(host.args[0] ?? '')) {
    health.host = host.args[0];
    report.carry(host);
    const headers = at('health_headers');
    if (headers !== undefined) report.carry(headers);
  }
  health.status = readStatus(at('health_status'), report);
  const body = at('health_body');
  // A regular expression without special characters matches its own text.
  if (body?.args[0] !== undefined && /^[\w -]+$/.test(body.args[0])) {
    health.body = body.args[0];
    report.carry(body);
  } else if (body !== undefined) report.leaveOut(body, 'a check can expect a text in the body, no regular expression');
  return {
    ...health,
    interval: writeTime(interval),
    timeout: writeTime(Math.min(timeout, interval)),
    rise: countAt(at('health_passes'), report),
    fall: countAt(at('health_fails'), report),
    // Caddy applies its checks even when they take all servers down.
    panicThreshold: 0,
  };
}

function readStatus(line: Directive | undefined, report: DirectiveReport): string {
  const [, from] = /^([1-5])xx$/i.exec(line?.args[0] ?? '2xx') ?? [];
  const [code] = /^[1-5]\d\d$/.exec(line?.args[0] ?? '') ?? [];
  if (line !== undefined && (from !== undefined || code !== undefined)) report.carry(line);
  else if (line !== undefined) report.change(line, 'it is no status and no class of them: 2xx is taken');
  return code ?? `${from ?? '2'}00-${from ?? '2'}99`;
}

function readPassive(block: readonly Directive[], report: DirectiveReport): Fields {
  const at = (name: string) => block.findLast((one) => one.name === name);
  const duration = at('fail_duration');
  const time = parseGoDuration(duration?.args[0] ?? null);
  if (duration === undefined || time === null || time === 0) return {};
  const maxAlternatives = at('max_fails');
  const count = parseWhole(maxAlternatives?.args[0] ?? '1', 1, 1000) ?? 1;
  const status = at('unhealthy_status');
  const counts5xx = status?.args.some((one) => /^5/.test(one)) === true;
  report.change(duration, 'it is how long the server is left out first, and failures in a row count');
  if (maxAlternatives !== undefined) report.carry(maxAlternatives);
  if (status !== undefined) report.change(status, counts5xx ? 'all 5xx count' : 'only 5xx can count, and these do not');
  const ejection = writeTime(time);
  return {
    passive: {
      connectErrors: count,
      ...(counts5xx ? { serverErrors: count } : {}),
      ejection,
      ...(time > 60_000 ? { maxEjection: ejection } : {}),
    },
  };
}

function timeAt(line: Directive | undefined, fallback: number, report: DirectiveReport): number {
  const time = parseGoDuration(line?.args[0] ?? null);
  if (line === undefined) return fallback;
  if (time === null || time === 0) {
    report.change(line, `it is no time above 0: ${formatDuration(fallback)}, the default, is taken`);
    return fallback;
  }
  report.carry(line);
  return time;
}

function countAt(line: Directive | undefined, report: DirectiveReport): number {
  const count = parseWhole(line?.args[0] ?? '1', 1, 100);
  if (line !== undefined && count !== null) report.carry(line);
  else if (line !== undefined) report.change(line, 'it is no number from 1 to 100: 1, the default, is taken');
  return count ?? 1;
}
