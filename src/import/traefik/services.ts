/** Services of Traefik as pools: load balancers, and services that are made of others (weighted, mirroring, failover). */

import type { Fields, Pool } from '../config-builder.ts';
import type { Loops } from '../loops.ts';
import { parseWhole } from '../values.ts';
import { mergeShares, type WeightedServer } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { type Balancer, readBalancer } from './balancer.ts';
import { field, localName } from './fields.ts';
import { type Container, readContainer, readServers } from './servers.ts';
import { readSticky } from './sticky.ts';

/** A definition of a service. Several containers may define one together. */
export interface ServiceSource {
  readonly part: Part;
  readonly container: Container | null;
  /** Nothing describes it: it is a container with routers alone. */
  readonly isImplicit: boolean;
}

interface ResolvedService extends Balancer {
  readonly servers: readonly WeightedServer[];
  readonly noteOn: Part;
}

const maxDepth = 20;

export class TraefikServices {
  private readonly sources: ReadonlyMap<string, readonly ServiceSource[]>;
  private readonly transports: ReadonlyMap<string, Part>;
  private readonly loops: Loops;
  private readonly pools = new Map<string, Pool | null>();

  constructor(
    sources: ReadonlyMap<string, readonly ServiceSource[]>,
    transports: ReadonlyMap<string, Part>,
    loops: Loops,
  ) {
    this.loops = loops;
    this.sources = sources;
    this.transports = transports;
  }

  /** Returns the reason as a string if there is no such pool. */
  pool(name: string): Pool | string {
    const local = localName(name);
    let pool = this.pools.get(local);
    if (pool === undefined) {
      const found = this.find(local, 0);
      if (typeof found === 'string') return found;
      pool = found === null || found.servers.length === 0 ? null : poolOf(local, found);
      this.pools.set(local, pool);
    }
    return pool ?? `its service "${local}" has no server that is carried over`;
  }

  /** Returns the reason as a string, or null if the service has no usable server, which has been reported. */
  private find(name: string, depth: number): ResolvedService | string | null {
    if (/@internal$/.test(name)) return `"${name}" is a page of Traefik itself`;
    const sources = this.sources.get(localName(name));
    const [first] = sources ?? [];
    if (sources === undefined || first === undefined) return `its service "${name}" is not in this file`;
    if (depth > maxDepth) return `its service "${name}" leads in a circle`;
    const { part } = first;
    const weighted = field(part, 'weighted');
    if (weighted !== null) return this.weighted(weighted, part, depth);
    const mirror = field(part, 'mirroring');
    if (mirror !== null) {
      field(mirror, 'mirrors')?.warn('not-working', 'no request is copied to another service');
      return this.through(field(mirror, 'service'), [part, mirror], depth);
    }
    const failover = field(part, 'failover');
    if (failover !== null) {
      field(failover, 'fallback')?.warn('not-working', 'no other service takes over when this one is down');
      return this.through(field(failover, 'service'), [part, failover], depth);
    }
    return this.balanced(sources);
  }

  private through(service: Part | null, around: readonly Part[], depth: number): ResolvedService | string | null {
    const found = this.find(service?.text() ?? '', depth + 1);
    if (found === null || typeof found === 'string') return found;
    service?.carry();
    for (const part of around) part.carry();
    return found;
  }

  private balanced(sources: readonly ServiceSource[]): ResolvedService | string | null {
    const found: ResolvedService[] = [];
    for (const { part, container, isImplicit } of sources) {
      const balancer = isImplicit ? null : field(part, 'loadBalancer');
      if (balancer === null && !isImplicit) continue;
      const servers =
        balancer !== null
          ? readServers(balancer, container, this.loops)
          : container === null
            ? []
            : readContainer(container, part, this.loops);
      if (servers.length === 0) continue;
      part.carry();
      balancer?.carry();
      const one = readBalancer(balancer, this.transports);
      const each = container !== null && container.severalReason !== '' && container.resolvesToAll;
      if (each) container.part.change('each address of this name is a server (resolve: all)');
      else if (container !== null && container.severalReason !== '') {
        if (one.cookie !== null || one.affinity.length > 0) container.part.warn('not-sticky', container.severalReason);
        else container.part.change(container.severalReason);
      }
      found.push({
        ...one,
        fields: { ...(each ? { resolve: 'all' } : {}), ...one.fields },
        servers,
        noteOn: field(balancer, 'sticky') ?? part,
      });
    }
    const [first] = found;
    if (first === undefined) return null;
    const chosen = found.find(({ cookie }) => cookie !== null) ?? first;
    return { ...chosen, servers: mergeShares(found.map(({ servers }) => ({ servers, weight: 1 }))) };
  }

  private weighted(weighted: Part, part: Part, depth: number): ResolvedService | string | null {
    const own = readSticky(field(weighted, 'sticky'));
    const parts: { found: ResolvedService; weight: number; noteOn: Part }[] = [];
    for (const one of field(weighted, 'services')?.items() ?? []) {
      const name = field(one, 'name');
      const found = this.find(name?.text() ?? '', depth + 1);
      if (found === null || typeof found === 'string') {
        (name ?? one).warn('not-working', found ?? 'none of its servers is carried over');
        continue;
      }
      const written = field(one, 'weight');
      const weight = written === null ? 1 : parseWhole(written.text(), 0, 1_000_000);
      if (weight === null) written?.change('it is no whole number: 1 is taken');
      else written?.carry();
      one.carry();
      name?.carry();
      parts.push({ found, weight: weight ?? 1, noteOn: name ?? one });
    }
    const [first] = parts;
    if (first === undefined) return null;
    part.carry();
    weighted.carry();
    const inner = parts.find(({ found }) => found.cookie !== null)?.found ?? first.found;
    if (own === null && inner.cookie !== null) {
      weighted.change('sessions stay with their server, and so with its service: Traefik would change the service');
    }
    for (const { found, noteOn } of parts) {
      if (found !== inner && different(found.fields, inner.fields)) {
        noteOn.change('health, time-outs and strategy are those of the other service: a pool has one of each');
      }
      if (own === null && found !== inner && found.cookie !== null) noteOn.change('a pool has one cookie');
    }
    const servers = mergeShares(parts.map(({ found, weight }) => ({ servers: found.servers, weight })));
    return { ...inner, cookie: own ?? inner.cookie, servers, noteOn: field(weighted, 'sticky') ?? inner.noteOn };
  }
}

function different(a: Fields, b: Fields): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

function poolOf(name: string, { servers, cookie, affinity, fields, noteOn }: ResolvedService): Pool {
  return { name, servers, affinity: cookie === null ? affinity : [], cookie, fields, noteOn };
}
