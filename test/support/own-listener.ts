/** Listeners that speak TLS or HTTP/2 to clients of other makes, without a bridge between them. */
import { testCertificate } from './bridge/certificate.ts';
import type { Origin } from './origin.ts';

/** `tls`: HTTP/2 and HTTP/1.1, as the client likes; `h2c`: HTTP/2 by prior knowledge. */
export type Over = 'tls' | 'h2c';

export function listenerOver(over: Over): Readonly<Record<string, unknown>> {
  const address = '127.0.0.1:0';
  if (over === 'h2c') return { address, protocols: ['h2'] };
  const { certFile, keyFile } = testCertificate();
  return { address, tls: { certificates: [{ cert: certFile, key: keyFile }] } };
}

export function configOver(over: Over, servers: readonly Pick<Origin, 'name' | 'address'>[]): Record<string, unknown> {
  return {
    listeners: [listenerOver(over)],
    pools: { app: { servers: servers.map(({ name, address }) => ({ name, address })), balance: 'round-robin' } },
  };
}

/** Of the first listener, by a name that the certificate has. */
export function urlOver(over: Over, { port }: { readonly port: number }): string {
  return `${over === 'tls' ? 'https' : 'http'}://localhost:${port}`;
}
