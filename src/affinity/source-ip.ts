/**
 * Affinity by client address: a keyed hash of the client's network is the key. In mode `hash` the server is computed from it and nothing
 * is stored. In mode `table` the server is at first the same, and the session table keeps it when servers are added. The client gets
 * nothing from us. All clients behind one NAT or proxy share a server.
 */

import { createHmac } from 'node:crypto';
import type { FieldKinds } from '../config/field-kinds.ts';
import type { RequestHead } from '../http/head.ts';
import { addressBytes } from '../ip.ts';
import type { Affinity, ClientFacts, Recognition } from './affinity.ts';
import type { AffinityDescriptor } from './descriptor.ts';
import type { NamedDependencies } from './named.ts';
import { derive } from './token.ts';

export interface SourceIpOptions {
  readonly type: 'source-ip';
  /** Bits of the address that count. */
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
  /** hash: the server follows from the address alone. table: the same at first, and it stays when servers are added. */
  readonly mode: 'hash' | 'table';
  /** Milliseconds, in mode table. */
  readonly idle: number;
}

const usualIdleMs = 30 * 60_000;

export const sourceIp = {
  type: 'source-ip',
  meaning: "A keyed hash of the client's address.",
  wordRank: 2,
  binds: true,
  recognisesAll: true,
  schema({ field, formatDuration, map, open, storedTime, whole, word, z }: FieldKinds) {
    return map({
      ipv4Prefix: field(whole(1, 32), 32, 'Bits of an IPv4 address that count: 24 puts a /24 on one server.'),
      ipv6Prefix: field(whole(1, 128), 64, 'Bits of an IPv6 address that count. A customer usually has a /64.'),
      mode: field(
        word(['hash', 'table']),
        'hash',
        '`hash`: the server follows from the address alone. `table`: the same at first, and it stays when servers are added.',
      ),
      idle: open(
        storedTime(),
        formatDuration(usualIdleMs),
        'In mode `table`: an address is forgotten after this long without a request. `off`: only when the table is full.',
      ),
    }).transform(({ idle, ...rest }, context): SourceIpOptions => {
      if (idle === undefined || rest.mode === 'table') return { type: 'source-ip', ...rest, idle: idle ?? usualIdleMs };
      context.issues.push({
        code: 'custom',
        message: 'none, because only mode table keeps anything',
        input: idle,
        path: ['idle'],
      });
      return z.NEVER;
    });
  },
  timesOf: ({ mode, idle }) => (mode === 'hash' ? null : { idle, absolute: 0 }),
  tableNameOf: ({ ipv4Prefix, ipv6Prefix }) => `${ipv4Prefix} ${ipv6Prefix}`,
  whyRecognised: () => 'the address of the client is its key',
  whyNotRecognised: () => 'a client on a unix-domain socket has no address',
  create: (options, { hashKey, names, lifetime }) =>
    new SourceIpAffinity(options, { names, lifetime, secret: derive(hashKey, 'limpet source-ip') }),
} satisfies AffinityDescriptor<SourceIpOptions>;

/** The hashes of so many addresses are remembered, so that an HMAC is computed once per client and not once per request. */
const keptAddresses = 4096;

export interface SourceIpDependencies extends NamedDependencies {
  /** Key of the hash, so that nobody can compute which clients share a server. */
  readonly secret: Buffer;
}

/** What is remembered of an address: the key of its network, and in mode `table` the session. */
interface Network {
  readonly key: number;
  readonly hi: number;
  readonly lo: number;
}

export class SourceIpAffinity implements Affinity {
  readonly name = 'source-ip';
  readonly byAddress = true;
  /** Only in mode `table`. */
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

  /** False for a client on a unix-domain socket, which has no address. */
  recognise(_request: RequestHead, client: ClientFacts, now: number, recognition: Recognition): boolean {
    if (client.clientAddress === '') return false;
    recognition.affinity = this;
    recognition.recognised = true;
    recognition.kind = this.kind;
    if (this.kind === 'key') recognition.proof = 'valid';
    const { key, hi, lo } = this.networkOf(client.clientAddress);
    recognition.key = key;
    recognition.sid0 = hi;
    recognition.sid1 = lo;
    recognition.born = now;
    return true;
  }

  begin(_now: number, recognition: Recognition): void {
    recognition.affinity = this;
    recognition.kind = 'hash';
    recognition.key = 0;
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
