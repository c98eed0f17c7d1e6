/**
 * One `TlsSession` for all connections that have agreed on the same: an idle connection should cost little memory. What clients can
 * choose is their server name alone, so the number of kept ones is bounded.
 */
import type { AlpnProtocol, ClientCertificate, TlsSession } from './tls.ts';

const maxKept = 1000;
const kept = new Map<string, TlsSession>();

/** `protocol` is the runtime's: false or null when none was chosen. */
export function tlsSession(
  protocol: unknown,
  serverName: string,
  version: string,
  cipher: string,
  resumed: boolean,
  clientCertificate: ClientCertificate | null,
): TlsSession {
  const session = { protocol: protocolOf(protocol), serverName, version, cipher, resumed, clientCertificate };
  if (clientCertificate !== null) return session;
  const key = `${session.protocol} ${version} ${cipher} ${resumed} ${serverName}`;
  const found = kept.get(key);
  if (found !== undefined) return found;
  if (kept.size >= maxKept) kept.clear();
  kept.set(key, session);
  return session;
}

function protocolOf(protocol: unknown): AlpnProtocol | '' {
  return protocol === 'h2' || protocol === 'http/1.1' ? protocol : '';
}
