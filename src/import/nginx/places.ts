/** Where the servers of an nginx.conf listen: each address has servers of its own, and one of them is the default. */
import type { Directive } from '../directive.ts';
import { listenAddress } from './values.ts';

export interface Place {
  /** As a listener has it; `tls:443` and the like where TLS is spoken. */
  readonly key: string;
  /** null: the server says none, and nginx takes port 80. */
  readonly directive: Directive | null;
}

/** Of one `server` block, each address once. Addresses that cannot be listened on are not among them. */
export function placesOf(server: Directive): Place[] {
  const listens = (server.block ?? []).filter(({ name }) => name === 'listen');
  if (listens.length === 0) return [{ key: ':80', directive: null }];
  const found = new Map<string, Place>();
  for (const directive of listens) {
    const [text = ''] = directive.args;
    const address = listenAddress(text);
    if (address === null) continue;
    const wide = address.replace(/^\[::\](?=:)/, '');
    const key = speaksTls(directive, server) ? `tls${wide}` : wide;
    if (!found.has(key)) found.set(key, { key, directive });
  }
  return [...found.values()];
}

export function speaksTls({ args }: Directive, { block }: Directive): boolean {
  const all = block?.some((one) => one.name === 'ssl' && one.args[0] === 'on') ?? false;
  return all || args.includes('ssl') || args.includes('quic');
}

export const isTls = (key: string): boolean => key.startsWith('tls');

/** An address of one interface is taken by a listener of all of them. */
export function widened(key: string, all: ReadonlySet<string>): string {
  const wide = key.replace(/^(?:tls)?.*(?=:[0-9]+$)/, isTls(key) ? 'tls' : '');
  return all.has(wide) ? wide : key;
}

/** By address: the server that gets requests for hosts that nobody names. */
export function defaultsOf(servers: readonly Directive[], keyOf: (place: Place) => string): Map<string, Directive> {
  const found = new Map<string, Directive>();
  const said = new Set<string>();
  for (const server of servers) {
    for (const place of placesOf(server)) {
      const key = keyOf(place);
      const isSaid = place.directive?.args.some((arg) => /^default(?:_server)?$/.test(arg)) ?? false;
      if (found.has(key) && (said.has(key) || !isSaid)) continue;
      found.set(key, server);
      if (isSaid) said.add(key);
    }
  }
  return found;
}
