/** Gateway API: the listeners of Gateways, and HTTPRoutes as routes to Services. */

import { narrowerHost } from '../../config/host-pattern.ts';
import { commonReasons } from '../common-reasons.ts';
import { parsePort } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import type { KubernetesConfigBuilder } from './config-builder.ts';
import { importRule, type RouteHost, type RuleContext } from './gateway-rule.ts';
import { carryHead, type KubernetesObject } from './objects.ts';
import type { Services } from './servers.ts';
import { hostOf } from './values.ts';

interface Listener {
  readonly gateway: KubernetesObject;
  readonly name: string;
  readonly port: number;
  readonly host: string;
  readonly secure: boolean;
  readonly part: Part;
}

const apiGroup = /^gateway\.networking\.(?:k8s|x-k8s)\.io$/;

export function importGateways(
  objects: readonly KubernetesObject[],
  services: Services,
  builder: KubernetesConfigBuilder,
): void {
  const gatewayObjects = objects.filter(({ group }) => apiGroup.test(group));
  const listeners = gatewayObjects.filter(({ kind }) => kind === 'Gateway').flatMap(listenersOf);
  const before = builder.size;
  for (const object of gatewayObjects) {
    if (object.kind === 'HTTPRoute') importRoute(object, listeners, { objects, services, builder });
  }
  if (builder.size > before) openListeners(listeners, builder);
}

function listenersOf(gateway: KubernetesObject): Listener[] {
  const { part } = gateway;
  part.leave(commonReasons.nothingLikeIt);
  part.get('metadata')?.leave('it describes the object to Kubernetes only');
  part.at('spec', 'gatewayClassName')?.leave('Limpet is the gateway, whatever its class');
  return (part.at('spec', 'listeners')?.items() ?? []).flatMap((one): Listener[] => {
    const protocol = one.textAt('protocol') ?? 'HTTP';
    const port = parsePort(one.textAt('port'));
    const host = hostOf(one.textAt('hostname') ?? '');
    if ((protocol !== 'HTTP' && protocol !== 'HTTPS') || port === null || host === null) {
      one.leave(port === null || host === null ? 'its port or its hostname is none' : 'only HTTP is listened for here');
      return [];
    }
    one.leave(commonReasons.nothingLikeIt);
    return [{ gateway, name: one.textAt('name') ?? '', port, host, secure: protocol === 'HTTPS', part: one }];
  });
}

/** TLS ends before Limpet. An HTTPS listener is omitted if there is an HTTP one, else it becomes an HTTP listener. */
function openListeners(listeners: readonly Listener[], builder: KubernetesConfigBuilder): void {
  const plain = listeners.some(({ secure }) => !secure);
  for (const { gateway, port, secure, part, host } of listeners) {
    if (secure && plain) {
      part.leave(
        'its certificate is in a Secret: write tls.certificates for a listener of it; its routes are served by the HTTP listener',
      );
      continue;
    }
    carryHead(gateway);
    builder.listen(port);
    part.carryAt('port');
    part.carryAt('name');
    if (host !== '') part.carryAt('hostname');
    part
      .get('tls')
      ?.leave('its certificate is in a Secret, which is not read: write its files in tls.certificates of the listener');
    if (secure)
      part
        .get('protocol')
        ?.change('the listener speaks plain HTTP: write tls.certificates for it, or end TLS before it');
    else part.carryAt('protocol');
  }
  if (builder.listeners === 0) builder.listen(80);
}

function importRoute(
  route: KubernetesObject,
  listeners: readonly Listener[],
  all: Omit<RuleContext, 'hosts' | 'route'>,
): void {
  const spec = route.part.get('spec');
  spec?.leave(commonReasons.nothingLikeIt);
  const parents = spec?.get('parentRefs')?.items() ?? [];
  const attached = parents.flatMap((parent) => {
    const gateway = parent.textAt('name');
    const section = parent.textAt('sectionName') ?? '';
    const port = parent.textAt('port') ?? '';
    return listeners.filter(
      (one) =>
        one.gateway.name === gateway &&
        (section === '' || one.name === section) &&
        (port === '' || one.port === parsePort(port)),
    );
  });
  const hosts = hostsOf(spec?.get('hostnames') ?? null, attached, listeners);
  const before = all.builder.size;
  for (const [index, rule] of (spec?.get('rules')?.items() ?? []).entries()) {
    importRule(rule, index, { ...all, hosts, route });
  }
  if (all.builder.size === before) return;
  carryHead(route);
  for (const parent of parents) {
    parent.leave(commonReasons.nothingLikeIt);
    if (attached.length === 0)
      parent.get('name')?.change('this Gateway is not in the file: the listeners of the config are a guess');
    else parent.carryAt('name');
    if (attached.length > 0) for (const key of ['sectionName', 'port']) parent.carryAt(key);
  }
}

/** A route without host names has those of its listeners, else those that its listeners have too. */
function hostsOf(
  written: Part | null,
  attached: readonly Listener[],
  all: readonly Listener[],
): ReadonlyMap<string, RouteHost> {
  const found = new Map<string, { readonly part: Part | null; readonly ports: Set<number> }>();
  const add = (host: string, part: Part | null, ports: readonly number[]): void => {
    const known = found.get(host) ?? { part, ports: new Set() };
    for (const port of ports) known.ports.add(port);
    found.set(host, known);
  };
  const above =
    attached.length === 0
      ? [{ host: '', ports: [] }]
      : attached.map((one) => ({ host: one.host, ports: portsOf(one, all) }));
  const names = written?.items() ?? [];
  if (names.length === 0) for (const { host, ports } of above) add(host, null, ports);
  for (const part of names) {
    const name = hostOf(part.text() ?? '') ?? '';
    const met = name === '' ? [] : above.flatMap(({ host, ports }) => ({ host: narrowerHost(name, host), ports }));
    if (met.every(({ host }) => host === null)) part.leave('it is no name of a host that a listener of this route has');
    for (const { host, ports } of met) if (host !== null) add(host, part, ports);
  }
  const opened = new Set(all.flatMap((one) => portsOf(one, all)));
  return new Map(
    [...found].map(([host, { part, ports }]) => [host, { part, ports: ports.size === opened.size ? [] : [...ports] }]),
  );
}

/** The ports for the requests of a listener. HTTPS uses the HTTP listeners, preferably those of the same Gateway. */
function portsOf({ secure, gateway, port }: Listener, all: readonly Listener[]): readonly number[] {
  const plain = secure ? all.filter((one) => !one.secure) : [];
  const own = plain.filter((one) => one.gateway === gateway);
  const served = own.length > 0 ? own : plain;
  return served.length === 0 ? [port] : served.map((one) => one.port);
}
