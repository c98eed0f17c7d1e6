/** `health_checks` and `outlier_detection` of a cluster of Envoy as `health`. */

import { formatDuration } from '../../config/units.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import { isCheckHost, isCheckPath, parseWhole, writeTime } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { at, durationAt, textAt } from './fields.ts';

/** Returns null when the config needs no `health`. */
export function readHealth(cluster: Part): Fields | null {
  const found = { ...readOutliers(at(cluster, 'outlier_detection')), ...readCheck(at(cluster, 'health_checks')) };
  if (Object.keys(found).length === 0) return null;
  const panic = at(cluster, 'common_lb_config', 'healthy_panic_threshold', 'value');
  const percent = panic === null ? null : Number(panic.text());
  if (percent === null || !(percent >= 0 && percent <= 100)) return found;
  panic?.carry();
  return { ...found, panicThreshold: percent / 100 };
}

function readCheck(list: Part | null): Fields {
  const [check, ...more] = list?.items() ?? [];
  for (const one of more) one.leave('a pool has one check');
  if (check === undefined) return {};
  const http = at(check, 'http_health_check');
  const tcp = at(check, 'tcp_health_check');
  if (http === null && tcp === null) {
    check.leave('a check is an HTTP request or a connect by TCP');
    return {};
  }
  const path = textAt(http, 'path') ?? '/';
  const unsupported = ['request_headers_to_add', 'send', 'receive', 'codec_client_type'].find(
    (key) => at(http, key) !== null && textAt(http, key) !== 'HTTP1',
  );
  if (http !== null && (unsupported !== undefined || !isCheckPath(path))) {
    check.leave(`what is asked (${unsupported ?? 'path'}) would not be what Envoy asks, so there is no check`);
    return {};
  }
  check.carry();
  at(http, 'path')?.carry();
  tcp?.change('a check connects by TCP and says nothing');
  const method = at(http, 'method');
  if (method?.text() === 'GET') method.carry();
  else method?.change('it is asked with GET');
  const host = at(http, 'host');
  const named = host !== null && isCheckHost(host.text() ?? '');
  if (named) host.carry();
  const interval = timeAt(at(check, 'interval'), 30_000);
  const timeout = timeAt(at(check, 'timeout'), 5000);
  if (timeout > interval) at(check, 'timeout')?.change(commonReasons.checkTimeout);
  return {
    ...(http === null
      ? { active: 'tcp' }
      : { path, ...(named ? { host: host.text() } : {}), status: statusesIn(http) }),
    interval: writeTime(interval),
    timeout: writeTime(Math.min(timeout, interval)),
    rise: countAt(at(check, 'healthy_threshold')),
    fall: countAt(at(check, 'unhealthy_threshold')),
  };
}

/** The end of a range is not included. */
function statusesIn(http: Part): string {
  const list = at(http, 'expected_statuses');
  const ranges = (list?.items() ?? []).flatMap((range) => {
    const [from, to] = [textAt(range, 'start'), textAt(range, 'end')].map((text) => parseWhole(text, 100, 600));
    if (from === null || from === undefined || to === null || to === undefined || from >= to) return [];
    range.carryAll();
    return [to - 1 === from ? String(from) : `${from}-${to - 1}`];
  });
  return ranges.length === 0 ? '200' : ranges.join(',');
}

function readOutliers(part: Part | null): Fields {
  if (part === null) return {};
  const errors = at(part, 'consecutive_5xx');
  const count = parseWhole(errors?.text() ?? '5', 1, 1000) ?? 5;
  part.change('errors in a row count, and each further ejection lasts twice as long');
  errors?.carry();
  const ejection = Math.max(1, durationAt(part, 'base_ejection_time') ?? 30_000);
  const longest = Math.max(ejection, durationAt(part, 'max_ejection_time') ?? 300_000);
  at(part, 'base_ejection_time')?.carry();
  at(part, 'max_ejection_time')?.carry();
  const maxAlternatives = at(part, 'max_ejection_percent');
  maxAlternatives?.leave('the panic threshold says when ejections are not believed any more');
  return {
    passive: {
      connectErrors: count,
      serverErrors: count,
      ejection: writeTime(ejection),
      maxEjection: writeTime(longest),
    },
  };
}

function timeAt(part: Part | null, fallback: number): number {
  const time = durationAt(part);
  if (part === null) return fallback;
  if (time === null || time === 0) {
    part.change(`it is no time above 0: ${formatDuration(fallback)} is taken`);
    return fallback;
  }
  part.carry();
  return time;
}

function countAt(part: Part | null): number {
  const count = parseWhole(part?.text() ?? '1', 1, 100);
  if (count !== null) part?.carry();
  else part?.change('it is no number from 1 to 100: 1 is taken');
  return count ?? 1;
}
