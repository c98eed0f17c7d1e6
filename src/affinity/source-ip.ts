/**
 * Affinity by client address: a keyed hash of its network is the key, and the place follows from it alone.
 * Nothing is stored and nothing is told to the client. Everyone behind one NAT or proxy shares a server.
 */
import { createHmac } from 'node:crypto';
import type { RequestHead } from '../http/head.ts';
import { addressBytes } from '../http/ip.ts';
import type { Affinity, ClientFacts, Session } from './affinity.ts';

/** Addresses whose hash is kept, so that an HMAC is paid once per client and not once per request. */
const keptAddresses = 4096;

export class SourceIpAffinity implements Affinity {
  readonly name = 'source-ip';
  private readonly ipv4Prefix: number;
  private readonly ipv6Prefix: number;
  private readonly secret: Buffer;
  private readonly keys = new Map<string, number>();

  /** Prefixes in bits; `secret` keys the hash, so that nobody can compute who shares a server. */
  constructor(settings: { ipv4Prefix: number; ipv6Prefix: number }, secret: Buffer) {
    this.ipv4Prefix = settings.ipv4Prefix;
    this.ipv6Prefix = settings.ipv6Prefix;
    this.secret = secret;
  }

  /** False on a unix-domain socket, where a client has no address. */
  recognise(_request: RequestHead, client: ClientFacts, now: number, session: Session): boolean {
    if (client.clientAddress === '') return false;
    session.affinity = this;
    session.recognised = true;
    session.key = this.keyOf(client.clientAddress);
    session.born = now;
    return true;
  }

  begin(_now: number, session: Session): void {
    session.affinity = this;
    session.key = 0;
  }

  /** Nobody is told: the address comes with every request. */
  bind(): boolean {
    return false;
  }

  private keyOf(address: string): number {
    const known = this.keys.get(address);
    if (known !== undefined) return known;
    const network = addressBytes(address);
    clearHostBits(network, network.length === 4 ? this.ipv4Prefix : this.ipv6Prefix);
    const key = createHmac('sha256', this.secret).update(network).digest().readUInt32BE(0);
    if (this.keys.size >= keptAddresses) {
      for (const oldest of this.keys.keys()) {
        this.keys.delete(oldest);
        break;
      }
    }
    this.keys.set(address, key);
    return key;
  }
}

function clearHostBits(network: Buffer, prefix: number): void {
  for (let i = 0; i < network.length; i++) {
    const bits = Math.min(8, Math.max(0, prefix - i * 8));
    network[i]! &= 0xff << (8 - bits);
  }
}
