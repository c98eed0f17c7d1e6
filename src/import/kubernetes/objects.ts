/** The Kubernetes objects of a file, which may be documents, or items of lists within lists. */

import { entryOf } from '../names.ts';
import type { Part } from '../yaml/part.ts';

export interface KubernetesObject {
  readonly kind: string;
  /** `apiVersion` without the version; '' for the core group. */
  readonly group: string;
  readonly name: string;
  readonly namespace: string;
  readonly part: Part;
}

const maxListDepth = 8;

export function objectsOf({ roots }: { readonly roots: readonly Part[] }): KubernetesObject[] {
  return roots.flatMap((root) => unpack(root, 0));
}

function unpack(part: Part, depth: number): KubernetesObject[] {
  const kind = part.textAt('kind') ?? '';
  const items = part.get('items');
  if (kind.endsWith('List') && items !== null && depth < maxListDepth) {
    part.leave('it tells of the list, not of what is in it');
    part.carryAt('kind');
    part.carryAt('apiVersion');
    return items.items().flatMap((item) => unpack(item, depth + 1));
  }
  const group = /^(.*)\/[^/]*$/.exec(part.textAt('apiVersion') ?? '')?.[1] ?? '';
  const name = part.textAt('metadata', 'name') ?? '';
  const namespace = part.textAt('metadata', 'namespace') ?? 'default';
  part.leave(reasonFor(kind));
  part.at('metadata')?.leave('it describes the object to Kubernetes only');
  part.at('status')?.leave('the cluster writes it, nobody else');
  return [{ kind, group, name, namespace, part }];
}

const reasons: Readonly<Record<string, string>> = {
  ConfigMap: 'settings of pods or of the controller: see docs/reference/config.md for what corresponds to them here',
  Secret:
    'a Secret is not read: write a certificate in it into files, and name them in tls.certificates of the listener',
  Service: 'only the name, the ports and the endpoints of a Service are needed here',
  IngressClass: 'it names a controller, and Limpet needs none',
  GatewayClass: 'it names a controller, and Limpet needs none',
  GRPCRoute: 'gRPC is not proxied here',
  TLSRoute: 'only HTTP is proxied here',
  TCPRoute: 'only HTTP is proxied here',
  UDPRoute: 'only HTTP is proxied here',
  ReferenceGrant: 'it is a permission within the cluster',
};

function reasonFor(kind: string): string {
  if (kind === '') return 'it is no Kubernetes object: it has no kind';
  return entryOf(reasons, kind) ?? `a ${kind.slice(0, 64)} says nothing of where requests go`;
}

/** Carries over kind, name and namespace of an object of which something is used. */
export function carryHead({ part }: KubernetesObject): void {
  part.carryAt('apiVersion');
  part.carryAt('kind');
  part.carryAt('metadata', 'name');
  part.carryAt('metadata', 'namespace');
}
