/**
 * Affinity by client address: a keyed hash of its network is the key. In mode `hash` the place follows from it alone
 * and nothing is stored; in mode `table` it is the same at first, and the table keeps it when servers are added. Nothing is
 * told to the client. Everyone behind one NAT or proxy shares a server.
 */
import { createHmac } from 'node:crypto';
import type { SourceIpOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import { addressBytes } from '../ip.ts';
import type { Affinity, ClientFacts, Session } from './affinity.ts';
import type { NamedDependencies } from './named.ts';

/** Addresses whose hash is kept, so that an HMAC is paid once per client and not once per request. */
const keptAddresses = 4096;

export interface SourceIpDependencies extends NamedDependencies {
  /** Keys the hash, so that nobody can compute who shares a server. */
  readonly secret: Buffer;
}

/** What is kept of an address: the key of its network, and in mode `table` the session. */
interface Network {
  readonly key: number;
  readonly hi: number;
  readonly lo: number;
}

export class SourceIpAffinity implements Affinity {
  readonly name = 'source-ip';
  readonly byAddress = true;
  /** In mode `table`. */
  readonly lifetime: number | undefined;
  private readonly kind: 'hash' | 'key';
  private readonly ipv4Prefix: number;
  private readonly ipv6Prefix: number;
  private readonly secret: Buffer;
  private readonly names: NamedDependencies['names'];
  private readonly networks = new Map<string, Network>();

  constructor(settings: SourceIpOptions, { secret, names, lifetime }: SourceIpDependencies) {
    this.kind = settings.mode === 'table' ? 'key' : 'hash';
    this.lifetime = settings.mode === 'table' ? lifetime : undefined;
    this.names = names;
    this.ipv4Prefix = settings.ipv4Prefix;
    this.ipv6Prefix = settings.ipv6Prefix;
    this.secret = secret;
  }

  /** False on a unix-domain socket, where a client has no address. */
  recognise(_request: RequestHead, client: ClientFacts, now: number, session: Session): boolean {
    if (client.clientAddress === '') return false;
    session.affinity = this;
    session.recognised = true;
    session.kind = this.kind;
    if (this.kind === 'key') session.proof = 'valid';
    const { key, hi, lo } = this.networkOf(client.clientAddress);
    session.key = key;
    session.sid0 = hi;
    session.sid1 = lo;
    session.born = now;
    return true;
  }

  begin(_now: number, session: Session): void {
    session.affinity = this;
    session.kind = 'hash';
    session.key = 0;
  }

  private networkOf(address: string): Network {
    const known = this.networks.get(address);
    if (known !== undefined) return known;
    const bytes = addressBytes(address);
    clearHostBits(bytes, bytes.length === 4 ? this.ipv4Prefix : this.ipv6Prefix);
    const key = createHmac('sha256', this.secret).update(bytes).digest().readUInt32BE(0);
    const name = { hi: 0, lo: 0 };
    if (this.kind === 'key') this.names.hash(bytes, 0, bytes.length, name);
    const network = { key, ...name };
    if (this.networks.size >= keptAddresses) {
      for (const oldest of this.networks.keys()) {
        this.networks.delete(oldest);
        break;
      }
    }
    this.networks.set(address, network);
    return network;
  }
}

function clearHostBits(network: Buffer, prefix: number): void {
  for (let i = 0; i < network.length; i++) {
    const bits = Math.min(8, Math.max(0, prefix - i * 8));
    network[i]! &= 0xff << (8 - bits);
  }
}
