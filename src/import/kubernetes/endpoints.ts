/** The pods of a Service, from the EndpointSlices or Endpoints of the file. */

import type { Loops } from '../loops.ts';
import { isReservedName } from '../names.ts';
import { parsePort } from '../values.ts';
import type { FoundServer } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { carryHead, type KubernetesObject } from './objects.ts';
import type { Port, ServiceRef } from './port.ts';
import { addressOf } from './values.ts';

/** Returns null if the file has none for the Service. */
export function endpointsOf(
  objects: readonly KubernetesObject[],
  { namespace, name }: ServiceRef,
  port: Port,
  loops: Loops,
): FoundServer[] | null {
  const servers: FoundServer[] = [];
  for (const object of objects) {
    if (object.namespace !== namespace) continue;
    const { part, kind } = object;
    const label = part.at('metadata', 'labels', 'kubernetes.io/service-name');
    const before = servers.length;
    if (kind === 'EndpointSlice' && label?.text() === name) {
      addAll(servers, part.get('endpoints'), part.get('ports'), { port, loops });
      if (servers.length > before) label.carry();
    } else if (kind === 'Endpoints' && object.name === name) {
      for (const subset of part.get('subsets')?.items() ?? []) {
        addAll(servers, subset.get('addresses'), subset.get('ports'), { port, loops });
        subset.get('notReadyAddresses')?.leave('this pod is not ready');
      }
    }
    if (servers.length > before) {
      carryHead(object);
      part.carryAt('addressType');
      part.leave('only the addresses, the ports and the names of the pods are needed here');
      part.get('metadata')?.leave('it describes the object to Kubernetes only');
    }
  }
  return servers.length > 0 ? servers : null;
}

interface Wanted {
  readonly port: Port;
  readonly loops: Loops;
}

/** Adds the pods of a slice or a subset, with the port whose name is that of the Service's port. */
function addAll(servers: FoundServer[], pods: Part | null, ports: Part | null, { port, loops }: Wanted): void {
  const all = ports?.items() ?? [];
  const mine =
    all.find((one) => (one.textAt('name') ?? '') === (port.name ?? '')) ??
    (all.length === 1 && port.part === null ? all[0] : undefined);
  const number = parsePort(mine?.textAt('port') ?? null);
  if (mine === undefined || number === null) return;
  for (const pod of pods?.items() ?? []) {
    const ready = pod.at('conditions', 'ready');
    if (ready?.text() === 'false') {
      pod.leave('this pod is not ready');
      continue;
    }
    // All addresses of an endpoint are the same pod.
    const where = pod.get('addresses')?.items()[0] ?? pod.get('ip');
    const address = addressOf(where?.text() ?? '', number);
    if (where === null || where === undefined || address === null) {
      pod.leave('it has no address of a known kind');
      continue;
    }
    const loop = loops.why(address);
    if (loop !== null) {
      pod.leave(loop);
      where.warn('not-working', loop);
      continue;
    }
    where.carry();
    ready?.carry();
    const named = pod.at('targetRef', 'name') ?? pod.get('hostname');
    const name = named?.text() ?? '';
    const plain = /^[\x21-\x7e]{1,128}$/.test(name) && !isReservedName(name);
    if (plain) named?.carry();
    if (plain) pod.carryAt('targetRef', 'kind');
    if (!servers.some((other) => other.address === address)) servers.push({ name: plain ? name : undefined, address });
  }
  for (const key of ['name', 'port', 'protocol']) mine.carryAt(key);
}
