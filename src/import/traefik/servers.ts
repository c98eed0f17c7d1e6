/** The servers of a load balancer of Traefik: URLs, or a container and its port. */

import { parseServer } from '../../config/address.ts';
import { formatAddress } from '../../net/socket.ts';
import type { Loops } from '../loops.ts';
import { parsePort, parseWhole } from '../values.ts';
import type { WeightedServer } from '../weights.ts';
import type { Part } from '../yaml/part.ts';
import { field, fieldText, isTemplate } from './fields.ts';

/** A service of a Compose file with labels of Traefik. */
export interface Container {
  readonly name: string;
  /** The port that the file exposes; null if there is none, or more than one. */
  readonly port: number | null;
  /** A description of the containers if the name stands for several; '' if it does not. */
  readonly severalReason: string;
  /** The name resolves to the address of each container, as in Compose. In Swarm it resolves to one address for all. */
  readonly resolvesToAll: boolean;
  /** The part with the name. */
  readonly part: Part;
}

/** An entry that is no server gets a note. */
export function readServers(balancer: Part, container: Container | null, loops: Loops): WeightedServer[] {
  const servers = new Map<string, WeightedServer>();
  const list = field(balancer, 'servers');
  const single = field(balancer, 'server');
  for (const one of [...(list?.items() ?? []), ...(single === null ? [] : [single])]) {
    const server = readServer(one, container, loops);
    if (server === null) continue;
    if (servers.has(server.address)) one.leave('the same address comes before');
    else servers.set(server.address, server);
  }
  if (list === null && single === null && container !== null) return readContainer(container, balancer, loops);
  return [...servers.values()];
}

/** A container whose labels do not set the port. */
export function readContainer(container: Container, noteOn: Part, loops: Loops): WeightedServer[] {
  const server = containerServer(container, null, noteOn, loops);
  return server === null ? [] : [server];
}

function readServer(one: Part, container: Container | null, loops: Loops): WeightedServer | null {
  const url = field(one, 'url') ?? field(one, 'address');
  if (url === null && container !== null) {
    if ((fieldText(one, 'scheme') ?? 'http') === 'http') {
      field(one, 'scheme')?.carry();
      return containerServer(container, field(one, 'port'), one, loops);
    }
    field(one, 'scheme')?.warn(
      'not-working',
      'TLS and HTTP/2 to servers are not carried over (tls and protocol of the pool): this one is left out',
    );
    return null;
  }
  const address = url === null ? null : addressOf(url.text() ?? '');
  if (address === null || url === null) {
    one.leave('it has no url');
    return null;
  }
  if (typeof address !== 'string') {
    url.warn('not-working', address.why);
    return null;
  }
  const loop = loops.why(address);
  if (loop !== null) {
    url.warn('not-working', loop);
    return null;
  }
  url.carry();
  const path = /^http:\/\/[^/]*\/+[^/?#]/i.test(url.text() ?? '');
  if (path && fieldText(one, 'preservePath') === 'true') {
    url.warn('not-working', 'the path of the URL is not put before that of requests');
  } else if (path) url.change('the path of the URL is not used, as Traefik does not without preservePath');
  const written = field(one, 'weight');
  const weight = written === null ? 1 : parseWhole(written.text(), 0, 65_535);
  if (weight === null) written?.change('it is no weight from 0 to 65535: 1 is taken');
  else written?.carry();
  return { name: undefined, address, weight: weight ?? 1 };
}

function addressOf(text: string): string | { readonly why: string } {
  if (isTemplate(text)) return { why: `${text} is a template: put its value in first` };
  if (/^https:/i.test(text))
    return { why: 'TLS to servers is not carried over (tls of the pool): this server is left out' };
  const [, authority = ''] = /^(?:http:\/\/)([^/?#]*)/i.exec(text) ?? [];
  const address = parseServer(/:\d+$/.test(authority.replace(/\[.*\]/, '')) ? authority : `${authority}:80`);
  return address === null ? { why: `${text} is no http:// address` } : formatAddress(address);
}

function containerServer(container: Container, port: Part | null, noteOn: Part, loops: Loops): WeightedServer | null {
  const text = port?.text() ?? null;
  const number = port === null ? container.port : parsePort(text);
  if (number === null) {
    const why = 'which port the container listens on is not said here: the image alone knows';
    (port ?? noteOn).warn(
      'not-working',
      port === null ? why : isTemplate(text ?? '') ? `${text} is a variable: put its value in first` : 'it is no port',
    );
    return null;
  }
  const address = parseServer(`${container.name}:${number}`);
  if (address === null) {
    container.part.warn('not-working', `"${container.name}" is no name of a host`);
    return null;
  }
  const written = formatAddress(address);
  const loop = loops.why(written);
  if (loop !== null) {
    (port ?? noteOn).warn('not-working', loop);
    return null;
  }
  port?.carry();
  noteOn.carry();
  container.part.carry();
  return { name: container.name, address: written, weight: 1 };
}
