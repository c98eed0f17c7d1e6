/**
 * Looks a name up, as the C library does and on both runtimes alike: /etc/hosts, then DNS with the search domains of
 * /etc/resolv.conf; and with the TTL, which the C library does not tell.
 */
import { type DnsServer, type QueryDependencies, queryServer, type Reply } from './dns-query.ts';
import { type Hosts, ParsedFile, parseHosts, parseResolvConf, type ResolvConf } from './system-files.ts';

export interface ResolverSettings {
  /** Empty: those of /etc/resolv.conf. */
  readonly servers: readonly DnsServer[];
  /** Milliseconds for one answer; then the next server is asked. */
  readonly timeout: number;
  /** Times that each server is asked. */
  readonly attempts: number;
}

export interface ResolverDependencies extends QueryDependencies {
  /**
   * The runtime's own look-up, which knows what else this machine is configured for (mDNS, other systems than Linux); rejects for a
   * name that is not known. It is asked for what ours does not find, where the config names no DNS servers.
   */
  readonly lookUp: (name: string) => Promise<readonly string[]>;
  /** Default: those of the system. */
  readonly files?: { readonly hosts: string; readonly resolvConf: string };
}

/** Seconds that an answer counts which came without a TTL. */
const fileTtl = 5;

export class Resolver {
  private readonly deps: ResolverDependencies;
  private readonly hosts: ParsedFile<Hosts>;
  private readonly resolvConf: ParsedFile<ResolvConf>;

  constructor(deps: ResolverDependencies) {
    this.deps = deps;
    const { hosts, resolvConf } = deps.files ?? { hosts: '/etc/hosts', resolvConf: '/etc/resolv.conf' };
    this.hosts = new ParsedFile(hosts, parseHosts);
    this.resolvConf = new ParsedFile(resolvConf, parseResolvConf);
  }

  /** All addresses of `name`, which is in lower case. Never rejects. */
  async find(name: string, settings: ResolverSettings): Promise<Reply> {
    try {
      const own = this.hosts.read().get(name) ?? [];
      // RFC 6761 section 6.3; servers in Node listen on `::1` when they are told to listen on localhost.
      if (name === 'localhost') return { state: 'found', addresses: [...own, '127.0.0.1', '::1'], ttl: fileTtl };
      if (own.length > 0) return { state: 'found', addresses: own, ttl: fileTtl };
      const conf = this.resolvConf.read();
      const isSystem = settings.servers.length === 0;
      const reply = await this.search(name, conf, isSystem ? { ...settings, servers: conf.servers } : settings);
      return isSystem && reply.state === 'none' ? await this.querySystem(name) : reply;
    } catch (error) {
      return { state: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  private async querySystem(name: string): Promise<Reply> {
    try {
      const addresses = await this.deps.lookUp(name);
      return addresses.length === 0 ? { state: 'none' } : { state: 'found', addresses, ttl: fileTtl };
    } catch {
      return { state: 'none' };
    }
  }

  private async search(name: string, { search, ndots }: ResolvConf, settings: ResolverSettings): Promise<Reply> {
    const suffixed = search.map((domain) => `${name}.${domain}`).filter(({ length }) => length <= 253);
    const dots = name.split('.').length - 1;
    const names = dots >= ndots ? [name, ...suffixed] : [...suffixed, name];
    let last: Reply = { state: 'none' };
    for (const whole of names) {
      const reply = await this.query(whole, settings);
      if (reply.state === 'found') return reply;
      // Whether it exists under that name cannot be told now: that it does not under the others says nothing.
      if (reply.state === 'failed') last = reply;
    }
    return last;
  }

  private async query(name: string, { servers, timeout, attempts }: ResolverSettings): Promise<Reply> {
    let last: Reply = { state: 'none' };
    for (let attempt = 0; attempt < attempts; attempt++) {
      for (const server of servers) {
        const both = await Promise.all([
          queryServer(server, { name, type: 'A' }, timeout, this.deps),
          queryServer(server, { name, type: 'AAAA' }, timeout, this.deps),
        ]);
        last = together(both);
        if (last.state !== 'failed') return last;
      }
    }
    return last;
  }
}

/** A server that knows addresses of one kind is believed, whatever it does when asked for the other. */
function together(replies: readonly Reply[]): Reply {
  const found = replies.filter((reply) => reply.state === 'found');
  if (found.length === 0) return replies.find(({ state }) => state === 'failed') ?? { state: 'none' };
  // IPv4 may be told in both kinds.
  const addresses = [...new Set(found.flatMap((reply) => reply.addresses))];
  return { state: 'found', addresses, ttl: Math.min(...found.map(({ ttl }) => ttl)) };
}
