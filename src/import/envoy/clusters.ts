/** Clusters of Envoy as pools: their endpoints and their policy, and why some cannot be reached. */

import { isIP } from 'node:net';
import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import type { Loops } from '../loops.ts';
import { parseWhole, serverAddress, writeTime } from '../values.ts';
import { type WeightedServer, weigh } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { addressIn, at, carryAddress, durationAt, extension, textAt } from './fields.ts';
import { readHealth } from './health.ts';

export interface Cluster {
  readonly name: string;
  readonly servers: readonly WeightedServer[];
  readonly fields: Fields;
  readonly connect: string;
  /** It chooses the server by a hash of the request. */
  readonly hashes: boolean;
}

export class Clusters {
  private readonly parts = new Map<string, Part>();
  private readonly read = new Map<string, Cluster | string>();

  private readonly loops: Loops;

  constructor(list: Part | null, loops: Loops) {
    this.loops = loops;
    for (const part of list?.items() ?? []) {
      part.leave('no route that is carried over leads to it');
      const name = textAt(part, 'name');
      if (name !== null && !this.parts.has(name)) this.parts.set(name, part);
    }
  }

  /** Returns the reason as a string if the cluster cannot be reached. */
  cluster(name: string): Cluster | string {
    const known = this.read.get(name);
    if (known !== undefined) return known;
    const part = this.parts.get(name);
    const found =
      part === undefined ? `the cluster "${name}" is not in this file` : readCluster(name, part, this.loops);
    this.read.set(name, found);
    return found;
  }
}

function readCluster(name: string, part: Part, loops: Loops): Cluster | string {
  const socket = at(part, 'transport_socket');
  if (socket !== null && /tls|quic/.test(extension(socket))) return commonReasons.noTlsToServers;
  const type = at(part, 'type');
  const kind = type?.text() ?? 'STATIC';
  if (!['STATIC', 'STRICT_DNS', 'LOGICAL_DNS'].includes(kind))
    return `the servers of its cluster (${kind}) are not in this file`;
  const servers = readEndpoints(at(part, 'load_assignment'), loops);
  if (servers.length === 0) return `its cluster "${name}" has no server that is carried over`;
  part.carry();
  part.leave(commonReasons.noCounterpart);
  at(part, 'name')?.carry();
  type?.carry();
  const assignment = at(part, 'load_assignment');
  assignment?.carry();
  at(assignment, 'cluster_name')?.carry();
  const two = ['http2_protocol_options', 'typed_extension_protocol_options']
    .map((key) => at(part, key))
    .find((one) => one !== null && /http2_protocol_options|http2ProtocolOptions/.test(keysBelow(one, 4)));
  two?.warn('not-working', 'HTTP/1.1 is spoken to servers: those that speak HTTP/2 alone are not reached');
  const policy = readPolicy(part);
  const health = readHealth(part);
  const connect = durationAt(part, 'connect_timeout');
  if (connect !== null && connect > 0) at(part, 'connect_timeout')?.carry();
  at(part, 'circuit_breakers')?.leave('requests are limited for each server (maxRequests), not for a pool');
  at(part, 'dns_lookup_family')?.leave("names are looked up by the system's resolver");
  at(part, 'common_lb_config')?.leave(commonReasons.noCounterpart);
  const named = servers.filter(({ address }) => isIP(address.replace(/:\d+$/, '').replace(/[[\]]/g, '')) === 0);
  return {
    name,
    servers,
    connect: writeTime(connect || 5000),
    hashes: policy.hashes,
    fields: {
      // Each address of a name is a server, as in Envoy.
      ...(kind === 'STRICT_DNS' && named.length > 0 ? { resolve: 'all' } : {}),
      ...(policy.balance === null ? {} : { balance: policy.balance }),
      ...(health === null ? {} : { health }),
    },
  };
}

function keysBelow(part: Part, depth: number): string {
  if (depth === 0) return '';
  return part
    .entries()
    .map(([key, inner]) => `${key} ${keysBelow(inner, depth - 1)}`)
    .join(' ');
}

function readPolicy(part: Part): { readonly balance: string | null; readonly hashes: boolean } {
  const line = at(part, 'lb_policy');
  const list = at(part, 'load_balancing_policy', 'policies')?.items() ?? [];
  const chosen = at(list[0] ?? null, 'typed_extension_config');
  const noteOn = line ?? at(chosen, 'name') ?? chosen;
  const name = (line?.text() ?? extension(chosen)).toLowerCase();
  const plain = (balance: string | null) => {
    noteOn?.carry();
    return { balance, hashes: false };
  };
  if (chosen !== null && /ring_?hash|maglev|least_?request|random|round_?robin/.test(name)) chosen.carryAll();
  if (/ring_?hash|maglev/.test(name)) {
    noteOn?.carry();
    return { balance: 'random', hashes: true };
  }
  if (/least_?request/.test(name)) return plain('two-choices');
  if (/random/.test(name)) return plain('random');
  if (noteOn !== null && !/round_?robin/.test(name)) {
    noteOn.change('this policy is not known to this importer: servers are taken by turns');
    return { balance: 'round-robin', hashes: false };
  }
  return plain('round-robin');
}

function readEndpoints(assignment: Part | null, loops: Loops): WeightedServer[] {
  const shares: { readonly servers: { name: undefined; address: string }[]; readonly weight: number }[] = [];
  for (const locality of at(assignment, 'endpoints')?.items() ?? []) {
    if ((parseWhole(textAt(locality, 'priority'), 0, 128) ?? 0) > 0) {
      at(locality, 'priority')?.warn(
        'not-working',
        'these stand by for those of a higher priority: there are no backup servers here',
      );
      locality.leave('there are no backup servers here');
      continue;
    }
    at(locality, 'locality')?.leave('servers of all localities are one pool');
    at(locality, 'load_balancing_weight')?.leave('servers of all localities are one pool');
    for (const one of at(locality, 'lb_endpoints')?.items() ?? []) {
      const part = at(one, 'endpoint', 'address');
      const found = addressIn(part);
      const address = found === null ? null : serverAddress(found.text);
      const state = textAt(one, 'health_status');
      if (address === null || (state !== null && !['UNKNOWN', 'HEALTHY', 'DEGRADED'].includes(state))) {
        const why = address === null ? 'it is no address of a server' : `it is marked ${state}`;
        one.leave(why);
        if (address === null) (found?.noteOn ?? one).warn('not-working', why);
        continue;
      }
      const loop = loops.why(address);
      if (loop !== null) {
        one.leave(loop);
        (found?.noteOn ?? one).warn('not-working', loop);
        continue;
      }
      one.carry();
      carryAddress(part);
      const written = at(one, 'load_balancing_weight');
      const weight = written === null ? 1 : (parseWhole(written.text(), 1, 65_535) ?? 1);
      written?.carry();
      shares.push({ servers: [{ name: undefined, address }], weight });
    }
  }
  return weigh(shares);
}
