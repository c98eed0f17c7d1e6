/** `http` of a dynamic file, or of labels: its routers, services, middlewares and transports. */
import { commonReasons } from '../common-reasons.ts';
import type { Loops } from '../loops.ts';
import type { Part } from '../yaml/part.ts';
import { field, fieldText, namesIn } from './fields.ts';
import type { Router } from './routers.ts';
import type { Container } from './servers.ts';
import { type ServiceSource, TraefikServices } from './services.ts';

/** `http`, and the container if it is from labels. */
export interface HttpPart {
  readonly part: Part;
  readonly container: Container | null;
}

export function partsNamed(https: readonly HttpPart[], kind: string): (readonly [name: string, part: Part])[] {
  return https.flatMap(({ part }) => field(part, kind)?.entries() ?? []);
}

export function readRouters(https: readonly HttpPart[], loops: Loops): Router[] {
  const sources = new Map<string, ServiceSource[]>();
  for (const { part, container } of https) {
    for (const [name, one] of field(part, 'services')?.entries() ?? []) {
      one.leave('no router that is carried over leads to it');
      sources.set(name, [...(sources.get(name) ?? []), { part: one, container, isImplicit: false }]);
    }
    // A container whose labels define no service is a service with the name of the container.
    if (container !== null && field(part, 'services') === null) {
      const routers = field(part, 'routers');
      if (routers !== null) sources.set(container.name, [{ part: routers, container, isImplicit: true }]);
    }
  }
  const services = new TraefikServices(sources, new Map(partsNamed(https, 'serversTransports')), loops);
  return https.flatMap(({ part, container }) => {
    const own = field(part, 'services')?.entries() ?? [];
    return (field(part, 'routers')?.entries() ?? []).map(([routerName, one]) => {
      const service = field(one, 'service');
      const [only, ...more] = own;
      const name = service?.text() ?? (container === null || more.length > 0 ? null : (only?.[0] ?? container.name));
      field(one, 'tls')?.leave(commonReasons.endTlsInFront);
      const tls = field(one, 'tls');
      return {
        name: routerName,
        part: one,
        noteOn: one,
        rule: field(one, 'rule'),
        priority: field(one, 'priority'),
        middlewares: namesIn(field(one, 'middlewares')),
        entryPoints: namesIn(field(one, 'entryPoints')),
        secure: tls !== null && fieldText(one, 'tls') !== 'false',
        service,
        pool: () => (name === null ? 'it names no service' : services.pool(name)),
      };
    });
  });
}
