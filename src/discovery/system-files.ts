/** Reads the files of this machine about names: /etc/hosts (hosts(5)) and /etc/resolv.conf (resolv.conf(5)). */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { plainAddress } from '../ip.ts';
import type { DnsServer } from './dns-query.ts';

export interface ResolvConf {
  readonly servers: readonly DnsServer[];
  /** Domains that are appended to a short name. */
  readonly search: readonly string[];
  /** A name with fewer dots than this is tried with those domains first. */
  readonly ndots: number;
}

/** By name in lower case. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

/** The C library uses no more servers than this. */
const mostServers = 3;
const mostDots = 15;

export function parseResolvConf(text: string): ResolvConf {
  const servers: DnsServer[] = [];
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    const host = rest[0] ?? '';
    if (word === 'nameserver' && isIP(host.replace(/%.*/, '')) > 0 && servers.length < mostServers)
      servers.push({ kind: 'tcp', host, port: 53 });
    // The last such line counts.
    else if (word === 'search' || word === 'domain')
      search = rest.map((domain) => domain.toLowerCase().replace(/\.$/, ''));
    else if (word === 'options') {
      for (const option of rest) {
        const dots = /^ndots:(\d+)$/.exec(option)?.[1];
        if (dots !== undefined) ndots = Math.min(mostDots, Number(dots));
      }
    }
  }
  return { servers, search: search.filter((domain) => domain !== ''), ndots };
}

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [written = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(written) === 0) continue;
    const address = plainAddress(written);
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known === undefined) hosts.set(name.toLowerCase(), [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return hosts;
}

/** A parsed file, read again when it has changed. A file that does not exist counts as empty. */
export class ParsedFile<T> {
  private readonly path: string;
  private readonly parse: (text: string) => T;
  private version = '';
  private parsed: T;

  constructor(path: string, parse: (text: string) => T) {
    this.path = path;
    this.parse = parse;
    this.parsed = parse('');
  }

  read(): T {
    const found = statSync(this.path, { throwIfNoEntry: false });
    const version = found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (version !== this.version) {
      this.parsed = this.parse(found === undefined ? '' : readFileSync(this.path, 'utf8'));
      this.version = version;
    }
    return this.parsed;
  }
}
