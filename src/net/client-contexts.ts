/** Options of node:tls for outgoing connections, the same on both runtimes: certificates are parsed once, and sessions are resumed. */
import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { SessionCache } from './session-cache.ts';
import type { Address } from './socket.ts';
import { type ClientTls, defaultCiphers } from './tls.ts';

export class ClientContexts {
  private readonly contexts = new WeakMap<ClientTls, SecureContext>();
  private readonly sessions = new SessionCache();

  /** Throws when a certificate or key is refused. */
  optionsFor(tls: ClientTls, address: Address): ConnectionOptions {
    const session = this.sessions.get(tls, address);
    const serverName = serverNameOf(tls, address);
    return {
      secureContext: this.contextOf(tls),
      rejectUnauthorized: tls.verify,
      ...(serverName !== '' && { servername: serverName }),
      ...(tls.protocols.length > 0 && { ALPNProtocols: [...tls.protocols] }),
      ...(session !== undefined && { session }),
    };
  }

  /** The next connection to this server begins with this session. */
  keep(tls: ClientTls, address: Address, session: Buffer): void {
    this.sessions.set(tls, address, session);
  }

  /** A connection has failed: the next one begins without a session. */
  forget(tls: ClientTls, address: Address): void {
    this.sessions.delete(tls, address);
  }

  private contextOf(tls: ClientTls): SecureContext {
    let context = this.contexts.get(tls);
    if (context === undefined) {
      const { ca, minVersion, pair } = tls;
      context = createSecureContext({
        minVersion,
        ciphers: defaultCiphers,
        ...(ca !== null && { ca }),
        ...(pair !== null && { cert: pair.cert, key: pair.key }),
      });
      this.contexts.set(tls, context);
    }
    return context;
  }
}

/** The name that is sent and verified; '': the address is verified, and none is sent. */
export function serverNameOf({ sni }: ClientTls, address: Address): string {
  if (sni !== '' || address.kind === 'unix') return sni;
  const { name = address.host } = address;
  return isIP(name) === 0 ? name.toLowerCase() : '';
}

/** Where node:net and node:tls connect to. */
export function placeOf(
  address: Address,
): { readonly path: string } | { readonly host: string; readonly port: number } {
  return address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
}

/** The authorities that the runtime trusts, PEM. */
export function runtimeAuthorities(): readonly string[] {
  return rootCertificates;
}
