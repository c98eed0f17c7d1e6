/** TLS sessions of outgoing connections, by server, so that the next connection to it can resume. Bounded: the oldest goes first. */
import { type Address, formatAddress } from './socket.ts';
import type { ClientTls } from './tls.ts';

const maxServers = 1000;

export class SessionCache {
  /** A session belongs to the rules under which its certificate was verified. */
  private readonly byRules = new WeakMap<ClientTls, Map<string, Buffer>>();

  get(tls: ClientTls, address: Address): Buffer | undefined {
    return this.byRules.get(tls)?.get(keyOf(address));
  }

  set(tls: ClientTls, address: Address, session: Buffer): void {
    let sessions = this.byRules.get(tls);
    if (sessions === undefined) this.byRules.set(tls, (sessions = new Map()));
    const key = keyOf(address);
    sessions.delete(key);
    sessions.set(key, session);
    if (sessions.size > maxServers) sessions.delete(sessions.keys().next().value ?? '');
  }

  /** A handshake that began with it has failed. */
  delete(tls: ClientTls, address: Address): void {
    this.byRules.get(tls)?.delete(keyOf(address));
  }
}

/** Two names may have one address, and each its own certificate. */
function keyOf(address: Address): string {
  const name = address.kind === 'tcp' ? (address.name ?? '') : '';
  return `${formatAddress(address)} ${name}`;
}
