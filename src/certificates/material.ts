/** What sockets need of the certificates of a config, as plain data that passes from the supervisor to its workers. */
import { isIP } from 'node:net';
import type { Address } from '../net/socket.ts';
import type { ClientTls, ServerTls } from '../net/tls.ts';

export interface TlsMaterial {
  /** By position in `listeners` of the config; null: a listener without TLS. */
  readonly listeners: readonly (ServerTls | null)[];
  /** By name, the pools with TLS. With `sni` '' the name is that of each server: `clientTlsFor`. */
  readonly pools: ReadonlyMap<string, ClientTls>;
}

/** Of a config without TLS. */
export const noTls: TlsMaterial = { listeners: [], pools: new Map() };

/** What a connection to this server uses: its own host name, unless the pool has one for all. */
export function clientTlsFor(tls: ClientTls, address: Address): ClientTls {
  if (tls.sni !== '' || address.kind === 'unix') return tls;
  const { name = address.host } = address;
  return isIP(name) === 0 ? { ...tls, sni: name.toLowerCase() } : tls;
}
