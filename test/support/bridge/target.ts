/** The connections of a bridge to the balancer: from the address that its own client has, over TLS or not. */
import { connect, type Socket } from 'node:net';
import * as tls from 'node:tls';

export interface Target {
  readonly host: string;
  readonly port: number;
  /** The certificate that it must show; null: it does not speak TLS. */
  readonly ca: string | null;
  /** Asked for by SNI. */
  readonly serverName: string;
  /** Clients of one address share a connection. */
  readonly shared: boolean;
}

export interface Connection {
  /** What is written to it is sent over TLS, if there is any. */
  readonly stream: Socket;
  /** RST. */
  reset(): void;
}

/** In its plain spelling, when it is IPv4 in that of IPv6. */
export function addressOf(client: Socket): string {
  return (client.remoteAddress ?? '').replace(/^::ffff:/, '');
}

export function connectTo(target: Target, localAddress: string, protocol: 'http/1.1' | 'h2'): Connection {
  const { port, ca, serverName } = target;
  const isIPv4 = !localAddress.includes(':');
  // It may listen at all addresses, of both families.
  const host = /^(?:::|0\.0\.0\.0)$/.test(target.host) ? (isIPv4 ? '127.0.0.1' : '::1') : target.host;
  // IPv6 has one loopback address only, and a client may come from the other family.
  const from = isIPv4 === host.includes(':') ? {} : { localAddress };
  const raw = connect({ host, port, allowHalfOpen: true, noDelay: true, ...from });
  const reset = () => void raw.resetAndDestroy();
  if (ca === null) return { stream: raw, reset };
  const secure = tls.connect({ socket: raw, ca, servername: serverName, ALPNProtocols: [protocol] });
  // An error of the connection itself is passed on by its TLS; one of before the handshake is not always.
  raw.on('error', (error) => secure.destroy(error));
  return { stream: secure, reset };
}
