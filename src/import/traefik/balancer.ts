/** The settings of a load balancer of Traefik: stickiness, strategy, health checks, timeouts. */

import { formatDuration } from '../../config/units.ts';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import { isCheckHost, isCheckPath, parseGoDuration, parseWhole, writeTime } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { field, fieldText, localName } from './fields.ts';
import { readSticky } from './sticky.ts';

export interface Balancer {
  readonly cookie: Fields | null;
  readonly affinity: readonly unknown[];
  readonly fields: Fields;
}

/** The defaults of Traefik: half a minute for a connection, and no timeout for the response. */
const defaultTimeouts = { connect: '30s', response: 'off', responseBody: 'off', tunnel: 'off' };

export function readBalancer(part: Part | null, transports: ReadonlyMap<string, Part>): Balancer {
  const cookie = readSticky(field(part, 'sticky'));
  const strategy = readStrategy(field(part, 'strategy'));
  const hosts = field(part, 'passHostHeader');
  if (hosts?.text() === 'false') {
    hosts.warn('not-working', 'servers get the Host that the client asked for, not their own');
  } else hosts?.carry();
  field(part, 'responseForwarding')?.change('responses are passed on as they come, without a delay');
  const health = readHealth(field(part, 'healthCheck'), field(part, 'passiveHealthCheck'));
  return {
    cookie,
    affinity: strategy.affinity,
    fields: {
      ...(strategy.balance === null ? {} : { balance: strategy.balance }),
      ...(health === null ? {} : { health }),
      ...readTransport(field(part, 'serversTransport'), transports),
    },
  };
}

function readStrategy(part: Part | null): { balance: string | null; affinity: unknown[] } {
  const roundRobin = { balance: 'round-robin', affinity: [] };
  switch (part?.text()?.toLowerCase()) {
    case undefined:
      return roundRobin;
    case 'wrr':
    case 'roundrobin':
      part?.carry();
      return roundRobin;
    case 'p2c':
      part?.carry();
      return { balance: 'two-choices', affinity: [] };
    case 'leasttime':
      part?.change('the server with the fewest requests is taken, times are not measured');
      return { balance: null, affinity: [] };
    case 'hrw':
      part?.change(commonReasons.otherHash);
      return { balance: null, affinity: [{ 'source-ip': { ipv6Prefix: 128 } }] };
    default:
      part?.change('expected wrr, p2c, hrw or leasttime: servers are taken by turns');
      return roundRobin;
  }
}

const noCheckReason = 'what is asked would not be what Traefik asks, so there is no check';

/** In Traefik one failed check takes a server down, and one successful check brings it back. */
function readHealth(part: Part | null, passive: Part | null): Fields | null {
  const errors = readPassive(passive);
  const path = fieldText(part, 'path');
  if (part === null || path === null) return errors;
  const unsupported = [
    fieldText(part, 'mode') === 'grpc' ? 'it asks by gRPC' : '',
    (fieldText(part, 'scheme') ?? 'http') === 'http' ? '' : 'it asks by TLS',
    (fieldText(part, 'port') ?? '0') === '0' ? '' : 'it asks another port',
    field(part, 'headers') === null ? '' : 'it sends headers',
    isCheckPath(path) ? '' : 'its path is none',
    ['GET', 'HEAD', ''].includes(fieldText(part, 'method') ?? '') ? '' : 'it asks with another method',
  ].filter((why) => why !== '');
  if (unsupported.length > 0) {
    part.leave(`${unsupported.join(', ')}: ${noCheckReason}`);
    return errors;
  }
  part.carry();
  const health: Fields = { path };
  field(part, 'path')?.carry();
  const host = field(part, 'hostname');
  if (host !== null && isCheckHost(host.text() ?? '')) {
    host.carry();
    health.host = host.text();
  }
  const status = field(part, 'status');
  if (/^[1-5]\d\d$/.test(status?.text() ?? '')) {
    status?.carry();
    health.status = status?.text();
  }
  const every = Math.max(1, timeAt(field(part, 'interval'), 30_000));
  const wait = Math.max(1, timeAt(field(part, 'timeout'), 5000));
  if (wait > every) field(part, 'timeout')?.change(commonReasons.checkTimeout);
  field(part, 'scheme')?.carry();
  field(part, 'port')?.carry();
  field(part, 'mode')?.carry();
  const method = field(part, 'method');
  if (method?.text() === 'HEAD') method.change('it is asked with GET');
  else method?.carry();
  const unhealthy = field(part, 'unhealthyInterval');
  if (unhealthy !== null) unhealthy.leave('servers that are down are checked as often as the others');
  field(part, 'followRedirects')?.leave('a redirect is an answer from 200 to 399, and good: it is not followed');
  return {
    ...errors,
    ...health,
    interval: writeTime(every),
    timeout: writeTime(Math.min(wait, every)),
    rise: 1,
    fall: 1,
    // Traefik applies its checks even when they take all servers down.
    panicThreshold: 0,
  };
}

function readPassive(part: Part | null): Fields | null {
  if (part === null) return null;
  const failures = parseWhole(fieldText(part, 'maxFailedAttempts') ?? '1', 1, 1000);
  const window = parseGoDuration(fieldText(part, 'failureWindow') ?? '10s');
  if (failures === null || window === null || window === 0) return null;
  part.change('errors in a row count, of connections and 5xx alike');
  field(part, 'maxFailedAttempts')?.carry();
  field(part, 'failureWindow')?.change('it is how long the server is left out first');
  const ejection = writeTime(window);
  const longest = window > 60_000 ? { maxEjection: ejection } : {};
  return { passive: { connectErrors: failures, serverErrors: failures, ejection, ...longest } };
}

function timeAt(part: Part | null, fallback: number): number {
  const time = part === null ? null : parseGoDuration(part.text());
  if (time === null || time === 0) {
    part?.change(`it is no time above 0: ${formatDuration(fallback)}, the default, is taken`);
    return fallback;
  }
  part?.carry();
  return time;
}

function readTransport(name: Part | null, transports: ReadonlyMap<string, Part>): Fields {
  const part = transports.get(localName(name?.text() ?? '')) ?? null;
  if (name !== null && part === null) name.leave('this serversTransport is not in the file');
  else name?.carry();
  const timeouts: Fields = { ...defaultTimeouts };
  part?.carry();
  for (const [key, timeout] of [
    ['dialTimeout', 'connect'],
    ['responseHeaderTimeout', 'response'],
    ['idleConnTimeout', 'keepAlive'],
  ] as const) {
    const found = field(part, 'forwardingTimeouts', key);
    const time = parseGoDuration(found?.text() ?? null);
    // Only `response` can be off: connecting and idle connections always have a timeout here.
    if (time === null || (time === 0 && timeout !== 'response')) continue;
    found?.carry();
    timeouts[timeout] = writeTime(time);
  }
  const idle = field(part, 'maxIdleConnsPerHost');
  const most = parseWhole(idle?.text() ?? null, 1, 65_535);
  if (most !== null) idle?.carry();
  return { timeouts, ...(most === null ? {} : { maxIdle: most }) };
}
