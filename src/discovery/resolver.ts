/**
 * Looks up a name as the C library does, the same on both runtimes: /etc/hosts, then DNS with the search domains of
 * /etc/resolv.conf. In addition it gives the TTL, which the C library does not.
 */
import { type DnsServer, type QueryDependencies, queryServer, type Reply } from './dns-query.ts';
import { type Hosts, ParsedFile, parseHosts, parseResolvConf, type ResolvConf } from './system-files.ts';

export interface ResolverSettings {
  /** Empty: the servers of /etc/resolv.conf. */
  readonly servers: readonly DnsServer[];
  /** Milliseconds to wait for a reply before the next server is queried. */
  readonly timeout: number;
  /** How often each server is queried. */
  readonly attempts: number;
}

export interface ResolverDependencies extends QueryDependencies {
  /**
   * The runtime's own look-up, which also uses other sources of this machine (mDNS; systems other than Linux). Rejects for an unknown
   * name. Used for names that this resolver does not find, when the config names no DNS servers.
   */
  readonly lookUp: (name: string) => Promise<readonly string[]>;
  /** Default: the files of the system. */
  readonly files?: { readonly hosts: string; readonly resolvConf: string };
}

/** TTL in seconds for results without one. */
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
      // RFC 6761 section 6.3. Servers in Node listen on `::1` when they listen on localhost.
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
      // It could not be found out whether this name exists. That the others do not exist does not decide it.
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

/** When a server gives addresses of one kind, they count, whatever it replies for the other kind. */
function together(replies: readonly Reply[]): Reply {
  const found = replies.filter((reply) => reply.state === 'found');
  if (found.length === 0) return replies.find(({ state }) => state === 'failed') ?? { state: 'none' };
  // IPv4 addresses may be in both replies.
  const addresses = [...new Set(found.flatMap((reply) => reply.addresses))];
  return { state: 'found', addresses, ttl: Math.min(...found.map(({ ttl }) => ttl)) };
}
