/** What sockets need of the certificates of a config, as plain data that passes from the supervisor to its workers. */
import type { ClientTls, ServerTls } from '../net/tls.ts';

export interface TlsMaterial {
  /** By position in `listeners` of the config; null: a listener without TLS. */
  readonly listeners: readonly (ServerTls | null)[];
  /** By name, the pools with TLS. With `sni` '' each connection verifies the host name of its server. */
  readonly pools: ReadonlyMap<string, ClientTls>;
}

/** Of a config without TLS. */
export const noTls: TlsMaterial = { listeners: [], pools: new Map() };
