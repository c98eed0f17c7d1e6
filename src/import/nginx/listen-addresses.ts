/** The addresses on which the servers of an nginx.conf listen. One server of each address is its default. */

import type { Directive } from '../directive.ts';
import { firstSpelling } from '../listener-address.ts';
import { listenAddress } from './values.ts';

export interface ListenAddress {
  /** The address of the listener, with `tls` before it if TLS is used: `tls:443`. */
  readonly key: string;
  /** null if the server has no `listen`: nginx uses port 80. */
  readonly directive: Directive | null;
}

/** The addresses of one `server` block, each once, without invalid ones. */
export function listenAddressesOf(server: Directive): ListenAddress[] {
  const listens = (server.block ?? []).filter(({ name }) => name === 'listen');
  if (listens.length === 0) return [{ key: ':80', directive: null }];
  const found = new Map<string, ListenAddress>();
  for (const directive of listens) {
    const [text = ''] = directive.args;
    const address = listenAddress(text);
    if (address === null) continue;
    // A listener on all of IPv6 takes IPv4 as well.
    const wide = address.replace(/^\[::\](?=:)/, '');
    const key = usesTls(directive, server) ? `tls${wide}` : wide;
    if (!found.has(key)) found.set(key, { key, directive });
  }
  return [...found.values()];
}

export function usesTls({ args }: Directive, { block }: Directive): boolean {
  const isOnForAll = block?.some((one) => one.name === 'ssl' && one.args[0] === 'on') ?? false;
  return isOnForAll || args.includes('ssl') || args.includes('quic');
}

export const isTls = (key: string): boolean => key.startsWith('tls');

/** The address without `tls`. */
export const addressOf = (key: string): string => key.replace(/^tls/, '');

/**
 * The key of the same port on all interfaces when it is among `keys`: that listener takes these requests too. Otherwise the
 * first key that is the same address in another spelling, or the key itself.
 */
export function widened(key: string, keys: ReadonlySet<string>): string {
  const wide = key.replace(/^(?:tls)?.*(?=:[0-9]+$)/, isTls(key) ? 'tls' : '');
  if (keys.has(wide)) return wide;
  const prefix = isTls(key) ? 'tls' : '';
  const others = [...keys].filter((other) => isTls(other) === isTls(key)).map(addressOf);
  return `${prefix}${firstSpelling(addressOf(key), others)}`;
}

/** By key: the server that gets requests for hosts that no server names. */
export function defaultServers(
  servers: readonly Directive[],
  keyOf: (address: ListenAddress) => string,
): Map<string, Directive> {
  const found = new Map<string, Directive>();
  const declared = new Set<string>();
  for (const server of servers) {
    for (const address of listenAddressesOf(server)) {
      const key = keyOf(address);
      const isDeclared = address.directive?.args.some((arg) => /^default(?:_server)?$/.test(arg)) ?? false;
      if (found.has(key) && (declared.has(key) || !isDeclared)) continue;
      found.set(key, server);
      if (isDeclared) declared.add(key);
    }
  }
  return found;
}
