/** Ingress objects of ingress-nginx: each rule becomes a route, and each Service with the annotations of its Ingress a pool. */

import { commonReasons } from '../common-reasons.ts';
import { isTemplate, templated } from '../template.ts';
import { parseWhole } from '../values.ts';
import { type Share, weigh } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import type { KubernetesConfigBuilder } from './config-builder.ts';
import { type Annotation, prefix, type Stickiness, stickinessOf } from './ingress-affinity.ts';
import { setDefaultReasons, settingsOf } from './ingress-settings.ts';
import { carryHead, type KubernetesObject } from './objects.ts';
import type { Route } from './pool.ts';
import type { Services } from './servers.ts';
import { hostOf, literalPrefix, pathOf } from './values.ts';
import { warnAboutAnnotations } from './warnings.ts';

/** The HTTP port of the controller. */
const port = 80;

interface Rule {
  readonly route: Route;
  readonly backend: Part;
}

/** A rule of a canary, which takes a share of the sessions of the main rule with the same host and path. */
interface Canary {
  readonly rule: Rule;
  readonly namespace: string;
  readonly weight: number;
  readonly total: number;
}

export function importIngresses(
  objects: readonly KubernetesObject[],
  services: Services,
  builder: KubernetesConfigBuilder,
): void {
  const ingresses = objects.filter(
    ({ kind, group }) => kind === 'Ingress' && /^(?:networking\.k8s\.io|extensions)?$/.test(group),
  );
  const canaries = new Map<string, Canary>();
  const mains: KubernetesObject[] = [];
  for (const ingress of ingresses) {
    const annotation = annotationsOf(ingress);
    if (annotation('canary')?.text() === 'true') addCanary(ingress, annotation, canaries);
    else mains.push(ingress);
  }
  for (const ingress of mains) importIngress(ingress, services, builder, canaries);
  for (const { rule } of canaries.values()) rule.route.part.leave('no other Ingress has a rule of this host and path');
}

function annotationsOf({ part }: KubernetesObject): Annotation {
  const annotations = part.at('metadata', 'annotations');
  setDefaultReasons(annotations);
  return (name) => annotations?.get(`${prefix}${name}`) ?? null;
}

function addCanary(ingress: KubernetesObject, annotation: Annotation, canaries: Map<string, Canary>): void {
  const share = annotation('canary-weight');
  const weight = parseWhole(share?.text() ?? null, 0, 1_000_000);
  const wholeAt = annotation('canary-weight-total');
  const total = parseWhole(wholeAt?.text() ?? null, 1, 1_000_000) ?? 100;
  ingress.part
    .at('metadata', 'annotations')
    ?.leave('of a canary only the weight is taken over; all else is as its main Ingress says');
  const byKey =
    'a canary is not picked by header or cookie on a route: the affinity `route` maps such a key to one server';
  for (const name of ['canary-by-header', 'canary-by-header-value', 'canary-by-header-pattern', 'canary-by-cookie']) {
    annotation(name)?.leave(byKey);
  }
  if (weight === null || weight > total) {
    ingress.part.leave(weight === null ? byKey : 'the weight is more than the whole');
    return;
  }
  for (const rule of rulesOf(ingress, annotation)) {
    canaries.set(ruleKey(rule.route), { rule, namespace: ingress.namespace, weight, total });
  }
  carryHead(ingress);
  annotation('canary')?.carry();
  wholeAt?.carry();
  share?.change('the share is one of new sessions: a session stays where it began');
  const behavior = annotation('affinity-canary-behavior');
  if (behavior?.text() === 'sticky') behavior.carry();
  else behavior?.leave('sessions stick on a canary too');
}

function importIngress(
  ingress: KubernetesObject,
  services: Services,
  builder: KubernetesConfigBuilder,
  canaries: Map<string, Canary>,
): void {
  const annotation = annotationsOf(ingress);
  // Read only if a rule is carried over: else no annotation is carried over.
  let cached: Stickiness | null = null;
  const settings = () => {
    if (cached !== null) return cached;
    const { fields, bodyBytes } = settingsOf(annotation);
    const stickiness = stickinessOf(annotation);
    if (bodyBytes !== null) builder.allowBody(bodyBytes);
    cached = { ...stickiness, fields: { ...stickiness.fields, ...fields } };
    return cached;
  };
  const spec = ingress.part.get('spec');
  spec?.leave(commonReasons.nothingLikeIt);
  spec?.get('ingressClassName')?.leave('Limpet serves every Ingress of the file, whatever its class');
  spec
    ?.get('tls')
    ?.leave(
      'its certificate is in a Secret, which is not read: write its files in tls.certificates of the listener, which speaks plain HTTP',
    );
  const before = builder.size;
  for (const rule of rulesOf(ingress, annotation)) {
    if (builder.isFull) {
      rule.route.part.leave('the config has 10,000 routes already');
      continue;
    }
    const earlier = builder.earlier(rule.route);
    if (earlier !== undefined) {
      rule.route.part.leave(`line ${earlier.part.firstLine} has the same host and path, and goes first`);
      continue;
    }
    addRule(rule, ingress, services, builder, canaries, settings);
  }
  if (builder.size === before) {
    for (const [, part] of ingress.part.at('metadata', 'annotations')?.entries() ?? [])
      part.leave('no rule of its Ingress can be used');
    return;
  }
  carryHead(ingress);
  warnAboutAnnotations(ingress);
  builder.listen(port);
}

function addRule(
  { route, backend }: Rule,
  { namespace, name }: KubernetesObject,
  services: Services,
  builder: KubernetesConfigBuilder,
  canaries: Map<string, Canary>,
  settings: () => Stickiness,
): void {
  const main = shareOf(backend, namespace, services);
  if (main === null) return;
  const { affinity, cookie, fields } = settings();
  const canary = canaries.get(ruleKey(route));
  const shares: Share[] = [{ servers: main.servers, weight: 1 }];
  if (canary !== undefined) {
    const other = shareOf(canary.rule.backend, canary.namespace, services);
    if (other !== null) {
      carryRule(canary.rule.route);
      shares.splice(0, 1, { ...main, weight: canary.total - canary.weight }, { ...other, weight: canary.weight });
    }
    canaries.delete(ruleKey(route));
  }
  carryRule(route);
  services
    .clientAffinity(namespace, main.service)
    ?.leave('ingress-nginx goes around the Service to its pods, and so does Limpet');
  builder.add(route, {
    names: [main.service, `${main.service}-${name}`],
    servers: weigh(shares),
    affinity,
    cookie: cookie(),
    fields,
  });
}

function shareOf(
  backend: Part,
  namespace: string,
  services: Services,
): { service: string; servers: Share['servers'] } | null {
  backend.leave('it is no Service of this cluster');
  // The form of networking.k8s.io/v1, or that of its beta versions.
  const name = backend.at('service', 'name') ?? backend.get('serviceName');
  const port =
    backend.at('service', 'port', 'number') ?? backend.at('service', 'port', 'name') ?? backend.get('servicePort');
  const service = name?.text() ?? null;
  if (name === null || service === null) {
    backend.warn('not-working', 'it is no Service of this cluster: these requests go to another route, or get 404');
    return null;
  }
  const servers = services.servers({ namespace, name: service, port: port?.text() ?? null, part: name });
  if (servers === null) {
    const why = isTemplate(service) ? templated(service) : (name.why ?? 'its Service cannot be reached');
    backend.leave(why);
    name.warn('not-working', `${why}: these requests go to another route, or get 404`);
    return null;
  }
  name.carry();
  port?.carry();
  return { service, servers };
}

function* rulesOf(ingress: KubernetesObject, annotation: Annotation): Generator<Rule> {
  const spec = ingress.part.get('spec');
  const regex = annotation('use-regex')?.text() === 'true' || annotation('rewrite-target') !== null;
  for (const rule of spec?.get('rules')?.items() ?? []) {
    const host = hostOf(rule.textAt('host') ?? '');
    if (host === null) {
      const written = rule.textAt('host') ?? '';
      const why = isTemplate(written) ? templated(`host ${written}`) : 'its host is no name of a host';
      rule.leave(why);
      (rule.get('host') ?? rule).warn('not-working', why);
      continue;
    }
    for (const one of rule.at('http', 'paths')?.items() ?? []) {
      const backend = one.get('backend');
      const written = one.textAt('path') ?? '/';
      const pattern = regex || one.textAt('pathType') === 'ImplementationSpecific';
      const path = pathOf(pattern ? literalPrefix(written) || '/' : written);
      if (path === null || backend === null) {
        const why =
          backend === null
            ? 'it has no backend'
            : isTemplate(written)
              ? templated(`path ${written}`)
              : 'no request has such a path';
        one.leave(why);
        one.warn('not-working', why);
        continue;
      }
      const exact = one.textAt('pathType') === 'Exact';
      yield { route: { host, path, exact, methods: [], ports: [], part: one }, backend };
    }
  }
  const rest = spec?.get('defaultBackend') ?? spec?.get('backend') ?? null;
  if (rest !== null)
    yield { route: { host: '', path: '/', exact: false, methods: [], ports: [], part: rest }, backend: rest };
}

/** Reports host and path of a rule that is carried over. */
function carryRule({ host, path, part }: Route): void {
  // The parents are paths, http, and the rule.
  const rule = part.up(3);
  const written = part.get('path');
  if (rule?.get('host')) {
    if (host.startsWith('*.')) rule.get('host')?.change('it matches deeper subdomains too, such as a.b.example.org');
    else rule.carryAt('host');
  }
  const type = part.get('pathType');
  if (written !== null && pathOf(written.text() ?? '') === path) written.carry();
  else written?.change(`the regular expression became the prefix ${path}, on whole segments`);
  if (type?.text() === 'Exact') type.change('it matches what is below the path too');
  else if (pathTypes.includes(type?.text() ?? '')) type?.carry();
  else type?.leave('expected Prefix, Exact or ImplementationSpecific; it is taken for Prefix');
}

const pathTypes = ['Prefix', 'ImplementationSpecific'];

function ruleKey({ host, path }: Route): string {
  return JSON.stringify([host, path]);
}
