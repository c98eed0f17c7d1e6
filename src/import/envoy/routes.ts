/** The routes of virtual hosts of Envoy as steps: to a pool, or answered or refused by Envoy itself. */

import { commonReasons } from '../common-reasons.ts';
import type { Fields, Pool } from '../config-builder.ts';
import { type Alternatives, anyRequest, intersectAll } from '../request-match.ts';
import { parseWhole, writeTime } from '../values.ts';
import { mergeShares } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { hashPolicies, notSticky, type Stickiness, statefulSession } from './affinity.ts';
import type { Cluster, Clusters } from './clusters.ts';
import { at, configOf, durationAt, textAt } from './fields.ts';
import { carryMatch, matchChange, readDomain, readMatch } from './match.ts';

export interface Step {
  readonly kind: 'proxy' | 'refused' | 'answered';
  readonly when: Alternatives;
  readonly part: Part;
  readonly host: string;
  readonly pool: Pool | null;
}

export interface Connection {
  readonly clusters: Clusters;
  /** The filter for stateful sessions, if there is one. */
  readonly session: Part | null;
  /** Between two pieces of a body; five minutes unless the file says otherwise. */
  readonly idleMs: number;
  /** The address of the client is that of its connection, not one in X-Forwarded-For. */
  readonly ownAddress: boolean;
  /** Two routes with the same pool share it, so that they share sessions too. */
  readonly pools: Map<string, Pool>;
}

const perFilter = 'envoy.filters.http.stateful_session';

export function readVirtualHost(virtualHost: Part, connection: Connection): Step[] {
  const domains = at(virtualHost, 'domains');
  const hosts = (domains?.items() ?? []).flatMap((part) => {
    const found = readDomain(part.text() ?? '');
    if ('why' in found) part.warn('not-working', `its requests go nowhere: ${found.why}`);
    return 'why' in found ? [] : [{ host: found.host, part }];
  });
  if (hosts.length === 0) return [];
  const unique = [...new Set(hosts.map(({ host }) => host))];
  at(virtualHost, 'require_tls')?.leave(commonReasons.redirectInFront);
  const steps = (at(virtualHost, 'routes')?.items() ?? []).flatMap((route) =>
    readRoute(route, virtualHost, connection),
  );
  if (steps.some(({ kind }) => kind === 'proxy')) {
    virtualHost.carry();
    at(virtualHost, 'name')?.carry();
    for (const { part } of hosts) part.carry();
  }
  return unique.flatMap((host) =>
    steps.map((step) => ({ ...step, host, when: intersectAll([{ ...anyRequest, host }], step.when) })),
  );
}

function readRoute(route: Part, virtualHost: Part, connection: Connection): Omit<Step, 'host'>[] {
  const match = at(route, 'match');
  const when = readMatch(match);
  const direct = at(route, 'direct_response');
  const redirect = at(route, 'redirect');
  if (direct !== null || redirect !== null) {
    route.leave(direct !== null ? 'no path answers by itself' : 'no request is redirected here: let the servers do it');
    const refused = direct !== null && /^[45]/.test(textAt(direct, 'status') ?? '');
    return [{ kind: refused ? 'refused' : 'answered', when, part: match ?? route, pool: null }];
  }
  const action = at(route, 'route');
  const refuse = (why: string): Omit<Step, 'host'>[] => {
    route.leave('this route is not carried over');
    (match ?? route).warn('not-working', `its requests go nowhere: ${why}`);
    return [];
  };
  if (action === null) return refuse('nothing says where they go');
  if (typeof when === 'string') return refuse(when);
  const targets = targetsOf(action, connection.clusters);
  if (typeof targets === 'string') return refuse(targets);
  const [first] = targets;
  if (first === undefined) return refuse('none of its clusters is carried over');
  route.carry();
  action.carry();
  at(route, 'name')?.carry();
  carryMatch(match);
  const change = matchChange(match);
  if (change !== null) match?.change(change);
  const sticky = stickinessOf(route, virtualHost, action, first.cluster, connection);
  if (!connection.ownAddress && sticky.affinity.some((entry) => JSON.stringify(entry).includes('source-ip'))) {
    const why =
      'the address came from X-Forwarded-For: name the proxies in front in trustedProxies, or all behind them are one client';
    at(action, 'hash_policy')?.warn('not-sticky', why);
  }
  warnAboutRewrites(action);
  const fields = { ...first.cluster.fields, ...sticky.fields, ...timesOf(action, first.cluster, connection) };
  return [{ kind: 'proxy', when, part: match ?? route, pool: poolOf(targets, sticky, fields, action, connection) }];
}

interface Target {
  readonly cluster: Cluster;
  readonly weight: number;
}

function targetsOf(action: Part, clusters: Clusters): Target[] | string {
  const named = at(action, 'cluster');
  if (named !== null) {
    const cluster = clusters.cluster(named.text() ?? '');
    if (typeof cluster === 'string') return cluster;
    named.carry();
    return [{ cluster, weight: 1 }];
  }
  const weighted = at(action, 'weighted_clusters', 'clusters');
  if (weighted === null) return 'its cluster is known only when a request comes';
  return weighted.items().flatMap((one): Target[] => {
    const cluster = clusters.cluster(textAt(one, 'name') ?? '');
    const weight = parseWhole(textAt(one, 'weight') ?? '1', 0, 1_000_000) ?? 1;
    if (typeof cluster === 'string') {
      one.warn('not-working', cluster);
      return [];
    }
    one.carry();
    at(one, 'name')?.carry();
    at(one, 'weight')?.change('the share is one of new sessions, spread over the servers of its cluster');
    return [{ cluster, weight }];
  });
}

/** The config of the route overrides that of its virtual host, and that overrides the filter. */
function stickinessOf(
  route: Part,
  virtualHost: Part,
  action: Part,
  cluster: Cluster,
  { session }: Connection,
): Stickiness {
  const hash = at(action, 'hash_policy');
  if (session !== null) {
    for (const level of [route, virtualHost]) {
      const override = at(level, 'typed_per_filter_config')?.get(perFilter) ?? null;
      if (override === null) continue;
      override.carry();
      override.carryAt('@type');
      if (textAt(override, 'disabled') === 'true') {
        at(override, 'disabled')?.carry();
        return hashed(hash, cluster);
      }
      const found = statefulSession(at(override, 'stateful_session'));
      if (found !== null) return before(found, hash);
    }
    const found = statefulSession(configOf(session));
    if (found !== null) {
      session.carry();
      at(session, 'name')?.carry();
      return before(found, hash);
    }
  }
  return hashed(hash, cluster);
}

function before(found: Stickiness, hash: Part | null): Stickiness {
  hash?.leave('the stateful session goes before it');
  return found;
}

function hashed(hash: Part | null, cluster: Cluster): Stickiness {
  if (cluster.hashes) return hashPolicies(hash);
  hash?.leave('the policy of its cluster does not hash');
  return notSticky;
}

const rewrites: readonly (readonly [key: string, why: string])[] = [
  ['prefix_rewrite', commonReasons.clientPath],
  ['regex_rewrite', commonReasons.clientPath],
  ['path_rewrite_policy', commonReasons.clientPath],
  ['host_rewrite_literal', commonReasons.clientHost],
  ['host_rewrite_header', commonReasons.clientHost],
  ['auto_host_rewrite', commonReasons.clientHost],
  ['request_mirror_policies', 'no request is copied to another cluster'],
];

function warnAboutRewrites(action: Part): void {
  for (const [key, why] of rewrites) {
    const part = at(action, key);
    if (part === null || part.text() === 'false') continue;
    part.leave(why);
    part.warn('not-working', why);
  }
}

/** The defaults of Envoy: fifteen seconds for a whole response, and five minutes without a byte. */
function timesOf(action: Part, { connect }: Cluster, { idleMs: defaultIdleMs }: Connection): Fields {
  const whole = at(action, 'timeout');
  const time = durationAt(whole) ?? 15_000;
  if (whole !== null) {
    if (time === 0) whole.carry();
    else whole.change('it ends when the response begins: a long body is not cut');
  }
  const own = at(action, 'idle_timeout');
  const idleMs = durationAt(own) ?? defaultIdleMs;
  own?.carry();
  const retry = at(action, 'retry_policy');
  const each = durationAt(retry, 'per_try_timeout');
  const response = each !== null && each > 0 && (time === 0 || each < time) ? each : time;
  return {
    ...(retry === null ? {} : { retry: readRetry(retry) }),
    timeouts: { connect, response: writeTime(response), responseBody: writeTime(idleMs), tunnel: writeTime(idleMs) },
  };
}

function readRetry(retry: Part): Fields {
  const count = parseWhole(textAt(retry, 'num_retries') ?? '1', 0, 1000) ?? 1;
  retry.change('what may be repeated follows from how far the request went, not from a list');
  at(retry, 'num_retries')?.carry();
  at(retry, 'per_try_timeout')?.carry();
  at(retry, 'retry_on')?.leave('what may be repeated follows from how far the request went, not from a list');
  if (count > 9) at(retry, 'num_retries')?.change('at most 10 attempts');
  return { attempts: Math.min(count + 1, 10) };
}

function poolOf(
  targets: readonly Target[],
  { cookie, affinity }: Stickiness,
  fields: Fields,
  action: Part,
  { pools }: Connection,
): Pool {
  const names = targets.map(({ cluster, weight }) => [cluster.name, weight]);
  const key = JSON.stringify([names, cookie, affinity, fields]);
  const known = pools.get(key);
  if (known !== undefined) return known;
  const name = targets[0]?.cluster.name ?? 'pool';
  const pool: Pool = {
    name,
    servers: mergeShares(targets.map(({ cluster, weight }) => ({ servers: cluster.servers, weight }))),
    affinity,
    cookie,
    fields,
    noteOn: action,
  };
  pools.set(key, pool);
  return pool;
}
