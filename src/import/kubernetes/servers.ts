/**
 * Finds the servers of a Service. Its manifest has no addresses, so they come from its EndpointSlices or Endpoints, or from its
 * StatefulSet, whose pods have DNS names. If the file has none of these, the only server is the name of the Service. The
 * cluster then picks a pod for each connection, so that sessions do not stick, which is reported as a warning.
 */

import type { Loops } from '../loops.ts';
import { parsePort, parseWhole } from '../values.ts';
import type { FoundServer } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { endpointsOf } from './endpoints.ts';
import { carryHead, type KubernetesObject } from './objects.ts';
import { type Port, portOf, type ServiceRef } from './port.ts';
import { addressOf, secondsOf } from './values.ts';

/** A larger StatefulSet is taken for a mistake. */
const maxReplicas = 1000;

export const sharedNameWarning =
  'NOT STICKY YET: this one name stands for every pod behind it, so the cluster picks a pod anew for each connection. ' +
  'Put the addresses of the pods here, or import again with the output of `kubectl get endpointslices -o yaml` added to the file';

export class Services {
  private readonly objects: readonly KubernetesObject[];
  private readonly loops: Loops;

  constructor(objects: readonly KubernetesObject[], loops: Loops) {
    this.objects = objects;
    this.loops = loops;
  }

  /** Returns null if the Service cannot be reached, and reports it. */
  servers(ref: ServiceRef): readonly FoundServer[] | null {
    const service = this.find('Service', ref.namespace, ref.name);
    const port = portOf(service, ref);
    if (port === null) return null;
    if (service !== null) carryHead(service);
    const found = this.withoutLoops(
      endpointsOf(this.objects, ref, port, this.loops) ??
        external(service, ref, port) ??
        this.replicas(service, ref, port),
      ref.part,
    );
    if (found !== null) return found.length === 0 ? null : found;
    const number = headless(service) ? (port.target ?? port.number) : port.number;
    const address = number === null ? null : addressOf(`${ref.name}.${ref.namespace}.svc.cluster.local`, number);
    if (address === null) {
      ref.part.leave(
        number === null
          ? `the port "${ref.port}" has no number in this file: add the Service "${ref.name}" to it`
          : `"${ref.name}" is no name of a Service`,
      );
      return null;
    }
    const loop = this.loops.why(address);
    if (loop !== null) {
      ref.part.leave(loop);
      return null;
    }
    if (headless(service)) {
      ref.part.change('each address of the name is a server (resolve: all)');
      return [{ name: undefined, address, resolve: 'all' }];
    }
    ref.part.change(sharedNameWarning);
    return [{ name: undefined, address, shared: true }];
  }

  /** `sessionAffinity: ClientIP` with its idle timeout. The caller takes it over or leaves it out. */
  clientAffinity(
    namespace: string,
    name: string,
  ): { idle: string; take: () => void; leave: (why: string) => void } | null {
    const part = this.find('Service', namespace, name)?.part.get('spec') ?? null;
    if (part?.textAt('sessionAffinity') !== 'ClientIP') return null;
    const seconds = part.at('sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
    return {
      // The default of Kubernetes is three hours.
      idle: secondsOf(seconds?.text() ?? null) ?? '3h',
      take: () => {
        part.carryAt('sessionAffinity');
        if (secondsOf(seconds?.text() ?? null) !== null) seconds?.carry();
        else seconds?.leave('it is no number of seconds: 3h, the default there, is taken');
      },
      leave: (why) => {
        part.get('sessionAffinity')?.leave(why);
        part.get('sessionAffinityConfig')?.leave(why);
      },
    };
  }

  private find(kind: string, namespace: string, name: string): KubernetesObject | null {
    const same = (object: KubernetesObject) =>
      object.kind === kind && object.namespace === namespace && object.name === name;
    return this.objects.find(same) ?? null;
  }

  /** Without the servers at which the config itself listens: they are reported on the reference to the Service. */
  private withoutLoops(servers: readonly FoundServer[] | null, part: Part): readonly FoundServer[] | null {
    if (servers === null) return null;
    return servers.filter(({ address }) => {
      const loop = this.loops.why(address);
      if (loop !== null) part.warn('not-working', loop);
      return loop === null;
    });
  }

  /** One server for each pod of a StatefulSet, with the DNS name that its headless Service gives it. */
  private replicas(
    service: KubernetesObject | null,
    { namespace, name }: ServiceRef,
    port: Port,
  ): FoundServer[] | null {
    const selector = service?.part.at('spec', 'selector') ?? null;
    for (const object of this.objects) {
      if (object.kind !== 'StatefulSet' || object.namespace !== namespace) continue;
      const spec = object.part.get('spec');
      const serviceName = spec?.get('serviceName') ?? null;
      const domain = serviceName?.text() ?? null;
      if (spec === null || domain === null) continue;
      if (domain !== name && !selects(selector, spec.at('template', 'metadata', 'labels'))) continue;
      const named = port.targetName === null ? null : containerPort(spec, port.targetName);
      const number = port.targetName === null ? (port.target ?? port.number) : parsePort(named?.text() ?? null);
      const replicas = spec.get('replicas');
      const count = replicas === null ? 1 : parseWhole(replicas.text(), 1, maxReplicas);
      if (count === null || number === null) {
        (count === null ? replicas : port.part)?.leave(
          count === null
            ? `no number of pods from 1 to ${maxReplicas}`
            : 'no container of the StatefulSet has this port',
        );
        continue;
      }
      const first = parseWhole(spec.textAt('ordinals', 'start'), 0, 1_000_000) ?? 0;
      const servers = Array.from({ length: count }, (_, index) => {
        const pod = `${object.name}-${first + index}`;
        const address = addressOf(`${pod}.${domain}.${namespace}.svc.cluster.local`, number);
        return address === null ? [] : [{ name: pod.length <= 128 ? pod : undefined, address }];
      }).flat();
      if (servers.length === 0) continue;
      carryHead(object);
      object.part.leave('only the number, the names and the port of the pods are needed here');
      serviceName?.carry();
      if (first > 0) spec.carryAt('ordinals', 'start');
      if (domain !== name) selector?.carryAll();
      if (domain !== name) spec.at('template', 'metadata', 'labels')?.carryAll();
      named?.carry();
      const noteOn = replicas ?? object.part.get('kind');
      noteOn?.change('there is one server for each pod of today: add servers here when the set is scaled');
      return servers;
    }
    return null;
  }
}

function headless(service: KubernetesObject | null): boolean {
  const address = service?.part.at('spec', 'clusterIP') ?? null;
  if (address?.text() !== 'None') return false;
  address.carry();
  return true;
}

function external(service: KubernetesObject | null, { part }: ServiceRef, port: Port): FoundServer[] | null {
  const host = service?.part.at('spec', 'externalName') ?? null;
  if (service?.part.textAt('spec', 'type') !== 'ExternalName' || host === null) return null;
  const address = port.number === null ? null : addressOf(host.text() ?? '', port.number);
  if (address === null) return null;
  host.carry();
  service.part.carryAt('spec', 'type');
  part.change('one outside name is one server: if it stands for several, nothing sticks behind it');
  return [{ name: undefined, address }];
}

function selects(selector: Part | null, labels: Part | null): boolean {
  const wanted = selector?.entries() ?? [];
  return (
    wanted.length > 0 && wanted.every(([key, part]) => part.text() !== null && labels?.textAt(key) === part.text())
  );
}

function containerPort(spec: Part, name: string): Part | null {
  for (const container of spec.at('template', 'spec', 'containers')?.items() ?? []) {
    for (const port of container.get('ports')?.items() ?? []) {
      if (port.textAt('name') !== name) continue;
      port.carryAt('name');
      return port.get('containerPort');
    }
  }
  return null;
}
