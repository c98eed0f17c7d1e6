/** IngressRoutes of Traefik in Kubernetes, with the TraefikServices and Middlewares of the same file. */

import { commonReasons } from '../common-reasons.ts';
import type { Fields, Pool } from '../config-builder.ts';
import { carryHead, type KubernetesObject } from '../kubernetes/objects.ts';
import type { Services } from '../kubernetes/servers.ts';
import { parseWhole } from '../values.ts';
import { type FoundServer, weigh } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { readBalancer } from './balancer.ts';
import { field, namesIn } from './fields.ts';
import type { Router } from './routers.ts';
import { readSticky } from './sticky.ts';

const group = /^traefik\.(?:io|containo\.us)$/;

export function isCrd({ group: name }: KubernetesObject): boolean {
  return group.test(name);
}

interface Share {
  readonly servers: readonly FoundServer[];
  readonly weight: number;
  readonly cookie: Fields | null;
  readonly affinity: readonly unknown[];
  readonly fields: Fields;
}

interface Cluster {
  readonly objects: readonly KubernetesObject[];
  readonly services: Services;
  readonly transports: ReadonlyMap<string, Part>;
}

const maxDepth = 10;

/** The `spec` of each object of that kind, by name. */
export function specsOf(objects: readonly KubernetesObject[], kind: string): (readonly [name: string, part: Part])[] {
  return objects.filter(isCrd).flatMap((one) => {
    const spec = one.part.get('spec');
    return one.kind === kind && spec !== null ? [[one.name, spec] as const] : [];
  });
}

export function readIngressRoutes(objects: readonly KubernetesObject[], services: Services): Router[] {
  const cluster = { objects, services, transports: new Map(specsOf(objects, 'ServersTransport')) };
  return objects.filter(isCrd).flatMap((object) => {
    if (object.kind !== 'IngressRoute') {
      if (/^IngressRoute(?:TCP|UDP)$/.test(object.kind)) {
        object.part.get('kind')?.warn('not-working', commonReasons.onlyHttp);
      }
      return [];
    }
    const spec = object.part.get('spec');
    object.part.leave(commonReasons.nothingLikeIt);
    object.part.get('metadata')?.leave('it describes the object to Kubernetes only');
    spec?.get('tls')?.leave(commonReasons.endTlsInFront);
    return (spec?.get('routes')?.items() ?? []).map((route, index): Router => {
      let pool: Pool | string | undefined;
      return {
        name: `${object.namespace}/${object.name}/${index}`,
        part: route,
        noteOn: route,
        rule: route.get('match'),
        priority: route.get('priority'),
        middlewares: (route.get('middlewares')?.items() ?? []).flatMap((one) => {
          const part = one.get('name');
          return part === null ? [] : [{ name: part.text() ?? '', part }];
        }),
        entryPoints: namesIn(spec?.get('entryPoints') ?? null),
        secure: spec?.get('tls') !== null,
        service: null,
        pool: () => {
          pool ??= poolOf(route, object, cluster);
          if (typeof pool !== 'string') {
            carryHead(object);
            route.carryAt('kind');
          }
          return pool;
        },
      };
    });
  });
}

function poolOf(route: Part, { name, namespace }: KubernetesObject, cluster: Cluster): Pool | string {
  const shares = sharesOf(route.get('services')?.items() ?? [], namespace, cluster, 0);
  const [first] = shares;
  if (first === undefined) return 'none of its services is carried over';
  const chosen = shares.find(({ cookie }) => cookie !== null) ?? first;
  return {
    ...chosen,
    name,
    servers: weigh(shares),
    affinity: chosen.cookie === null ? chosen.affinity : [],
    noteOn: route,
  };
}

function sharesOf(refs: readonly Part[], namespace: string, cluster: Cluster, depth: number): Share[] {
  return refs.flatMap((ref): Share[] => {
    const name = ref.get('name');
    const service = name?.text() ?? null;
    if (name === null || service === null) return [];
    const written = ref.get('weight');
    const weight = written === null ? 1 : (parseWhole(written.text(), 0, 1_000_000) ?? 1);
    const serviceNamespace = ref.textAt('namespace') ?? namespace;
    if (ref.textAt('kind') === 'TraefikService')
      return sharesOfTraefikService(ref, name, weight, serviceNamespace, cluster, depth);
    if (/^(?:https|h2c)$/.test(ref.textAt('scheme') ?? '')) {
      ref
        .get('scheme')
        ?.warn(
          'not-working',
          'TLS and HTTP/2 to servers are not carried over (tls and protocol of the pool): this one is left out',
        );
      return [];
    }
    const servers = cluster.services.servers({
      namespace: serviceNamespace,
      name: service,
      port: ref.textAt('port'),
      part: name,
    });
    if (servers === null) {
      name.warn('not-working', name.why ?? 'its Service cannot be reached');
      return [];
    }
    for (const key of ['kind', 'name', 'namespace', 'port', 'weight', 'scheme']) ref.carryAt(key);
    return [{ ...readBalancer(ref, cluster.transports), servers, weight }];
  });
}

/** The services of a TraefikService. Together they have its weight. */
function sharesOfTraefikService(
  ref: Part,
  name: Part,
  weight: number,
  namespace: string,
  cluster: Cluster,
  depth: number,
): Share[] {
  const object = cluster.objects.find((one) => isCrd(one) && one.kind === 'TraefikService' && one.name === name.text());
  const spec = object?.part.get('spec') ?? null;
  if (object === undefined || spec === null || depth > maxDepth) {
    name.warn('not-working', 'this TraefikService is not in the file');
    return [];
  }
  const weighted = spec.get('weighted');
  const mirroring = spec.get('mirroring');
  mirroring?.get('mirrors')?.warn('not-working', 'no request is copied to another service');
  const inner = weighted?.get('services')?.items() ?? (mirroring === null ? [] : [mirroring]);
  const shares = sharesOf(inner, namespace, cluster, depth + 1);
  if (shares.length === 0) return [];
  for (const key of ['kind', 'name', 'namespace', 'weight']) ref.carryAt(key);
  carryHead(object);
  const own = readSticky(field(weighted, 'sticky'));
  const whole = shares.reduce((sum, share) => sum + share.weight, 0) || 1;
  return shares.map((share) => ({ ...share, cookie: own ?? share.cookie, weight: (weight * share.weight) / whole }));
}
