/** One rule of an HTTPRoute: its matches become routes, and its backends become one pool. */

import { commonReasons } from '../common-reasons.ts';
import { parseWhole } from '../values.ts';
import { type Share, weigh } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import type { KubernetesConfigBuilder } from './config-builder.ts';
import { type Persistence, persistenceOf, policyOf } from './gateway-persistence.ts';
import type { KubernetesObject } from './objects.ts';
import type { Pool, Route } from './pool.ts';
import type { Services } from './servers.ts';
import { literalPrefix, pathOf, timerOf } from './values.ts';

export interface RuleContext {
  readonly objects: readonly KubernetesObject[];
  readonly services: Services;
  readonly builder: KubernetesConfigBuilder;
  readonly route: KubernetesObject;
  readonly hosts: ReadonlyMap<string, RouteHost>;
}

export interface RouteHost {
  /** The part with the host; null if it is the host of a listener. */
  readonly part: Part | null;
  /** The ports of the listeners for this host; empty for all of them. */
  readonly ports: readonly number[];
}

interface Backend extends Share {
  readonly service: string;
  readonly namespace: string;
}

export function importRule(rule: Part, index: number, context: RuleContext): void {
  rule.leave(commonReasons.nothingLikeIt);
  rule.get('filters')?.leave('requests and responses are passed on as they are, and no redirects are made here');
  for (const filter of rule.get('filters')?.items() ?? []) {
    const type = filter.textAt('type') ?? '';
    if (type === 'RequestRedirect')
      filter.warn('not-working', 'no request is redirected here: it reaches a server, or gets 404');
    else if (type === 'URLRewrite')
      filter.warn('not-working', 'the server gets path and Host as the client asked for them');
    else if (type === 'ExtensionRef')
      filter.warn('open', 'what it asks of another controller is not done here: it may refuse');
  }
  const routes = routesOf(rule, context);
  if (routes.length === 0) return;
  const backends = backendsOf(rule, context);
  if (backends.length === 0) {
    rule.leave('it has no backend to go to');
    const why = rule.get('backendRefs')?.items()[0]?.get('name')?.why ?? 'it has no backend to go to';
    if (rule.get('backendRefs') !== null) rule.warn('not-working', `${why}: these requests get another route, or 404`);
    return;
  }
  const [{ service }] = backends as [Backend];
  const own = rule.textAt('name') ?? `${context.route.name}-${index + 1}`;
  const { affinity, cookie } = stickinessOf(rule, backends, context);
  const pool: Pool = {
    names: backends.length === 1 ? [service, `${service}-${own}`] : [own],
    servers: weigh(backends),
    affinity,
    cookie,
    fields: fieldsOf(rule),
  };
  rule.carryAt('name');
  for (const route of routes) {
    if (context.builder.isFull) break;
    context.builder.add(route, pool);
    carryRoute(route, rule, context);
  }
}

function routesOf(rule: Part, { hosts, builder }: RuleContext): Route[] {
  const matches = rule.get('matches')?.items() ?? [];
  const routes: Route[] = [];
  for (const match of matches.length === 0 ? [rule] : matches) {
    const bare = match === rule;
    // A route without these conditions would take requests that the rule does not match.
    if (!bare && (match.get('headers') !== null || match.get('queryParams') !== null)) {
      match.leave('routes match host, path and method only: one for this match would take far more than it says');
      match.warn(
        'not-working',
        'routes match host, path and method only: these requests go on to the next route, or get 404',
      );
      continue;
    }
    const type = bare ? null : match.textAt('path', 'type');
    const written = (bare ? null : match.textAt('path', 'value')) ?? '/';
    const path = pathOf(type === 'RegularExpression' ? literalPrefix(written) || '/' : written);
    const method = bare ? null : match.get('method');
    if (path === null || (method !== null && !/^[A-Z-]{1,32}$/.test(method.text() ?? ''))) {
      match.leave('no request has such a path or method');
      continue;
    }
    const methods = method === null ? [] : [method.text() ?? ''];
    for (const [host, { ports }] of hosts) {
      const route = { host, path, exact: type === 'Exact', methods, ports, part: match };
      const earlier =
        builder.earlier(route) ??
        routes.find((one) => one.host === host && one.path === path && same(one.methods, methods));
      if (earlier === undefined) routes.push(route);
      else match.leave(`line ${earlier.part.firstLine} has the same host, path and method, and goes first`);
    }
  }
  return routes;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join() === b.join();
}

function carryRoute({ host, part: match, methods }: Route, rule: Part, { hosts }: RuleContext): void {
  hosts.get(host)?.part?.carry();
  if (match === rule) return;
  const type = match.at('path', 'type');
  if (type?.text() === 'Exact') type.change('it matches what is below the path too');
  else if (type?.text() === 'RegularExpression')
    type.change('the regular expression became a prefix, on whole segments');
  else if (type?.text() === 'PathPrefix') type.carry();
  else type?.leave('expected PathPrefix, Exact or RegularExpression; it is taken for PathPrefix');
  match.carryAt('path', 'value');
  if (methods.length > 0) match.carryAt('method');
}

function backendsOf(rule: Part, { services, route }: RuleContext): Backend[] {
  const refs = rule.get('backendRefs')?.items() ?? [];
  const backends: Backend[] = [];
  for (const ref of refs) {
    ref.get('filters')?.leave('requests and responses are passed on as they are here');
    const name = ref.get('name');
    const service = name?.text() ?? null;
    if (
      (ref.textAt('kind') ?? 'Service') !== 'Service' ||
      (ref.textAt('group') ?? '') !== '' ||
      name === null ||
      service === null
    ) {
      ref.leave('it is no Service');
      continue;
    }
    const namespace = ref.textAt('namespace') ?? route.namespace;
    const servers = services.servers({ namespace, name: service, port: ref.textAt('port'), part: name });
    if (servers === null) {
      ref.leave(name.why ?? 'its Service cannot be reached');
      continue;
    }
    for (const key of ['group', 'kind', 'name', 'namespace', 'port']) ref.carryAt(key);
    const part = ref.get('weight');
    const weight = part === null ? 1 : parseWhole(part.text(), 0, 1_000_000);
    if (weight === null) part?.leave('expected a whole number');
    else if (refs.length > 1) part?.change('the share is one of new sessions, spread over the servers of its Service');
    else if (weight > 0) part?.carry();
    else part?.leave('the only Service cannot be shut off: leave the route out');
    backends.push({ service, namespace, servers, weight: refs.length === 1 ? 1 : (weight ?? 1) });
  }
  return backends;
}

/** The persistence of the rule overrides that of a policy, and both override the affinity of the Service. */
function stickinessOf(rule: Part, backends: readonly Backend[], { objects, services }: RuleContext): Persistence {
  const written = rule.get('sessionPersistence');
  const clients = backends.map(({ namespace, service }) => services.clientAffinity(namespace, service));
  const policies =
    written === null ? backends.map(({ namespace, service }) => policyOf(objects, namespace, service)) : [];
  const found = written === null ? policies.find((policy) => policy !== null) : persistenceOf(written);
  if (found) {
    for (const client of clients) client?.leave('sessionPersistence goes before it');
    return found;
  }
  const client = clients.find((one) => one !== null);
  if (!client) return { affinity: [], cookie: null };
  client.take();
  // kube-proxy uses the whole address.
  return { affinity: [{ 'source-ip': { mode: 'table', ipv6Prefix: 128, idle: client.idle } }], cookie: null };
}

function fieldsOf(rule: Part): Record<string, unknown> {
  const whole = rule.at('timeouts', 'request');
  const one = rule.at('timeouts', 'backendRequest');
  const [deadline, each] = [timerOf(whole?.text() ?? null), timerOf(one?.text() ?? null)];
  const response = each ?? deadline;
  const until = 'it ends when the response begins: a long body is not cut';
  if (deadline !== null) whole?.change(until);
  if (each !== null) one?.change(until);
  const attempts = rule.at('retry', 'attempts');
  const repeats = parseWhole(attempts?.text() ?? null, 0, 1000);
  if (repeats !== null) attempts?.change('it counts repeats, and ours the first attempt too; at most 10');
  rule.get('retry')?.leave('what may be repeated follows from how far the request went, not from a list');
  const retry = {
    ...(repeats === null || repeats === 2 ? {} : { attempts: Math.min(repeats + 1, 10) }),
    ...(deadline === null || deadline === 'off' ? {} : { deadline }),
  };
  return {
    ...(Object.keys(retry).length === 0 ? {} : { retry }),
    ...(response === null || response === '1m' ? {} : { timeouts: { response } }),
  };
}
