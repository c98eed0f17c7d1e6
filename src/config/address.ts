/** Addresses as people write them: `127.0.0.1:8080`, `[::1]:8080`, `app1:8080`, `:8080`, `3001`, `unix:/run/app.sock`. */
import { isIPv4, isIPv6 } from 'node:net';
import { plainAddress } from '../ip.ts';
import type { Address } from '../net/socket.ts';
import type { PoolServer } from './options.ts';

export const listenerForm =
  'an address such as 127.0.0.1:8080, [::1]:8080, :8080 (all interfaces) or unix:/run/limpet.sock';
export const serverForm =
  'an address such as 127.0.0.1:3001, app1:8080, 3001 (a port of this machine) or unix:/run/app.sock';

export const resolverForm = 'the address of a DNS server such as 10.0.0.53, 10.0.0.53:5353 or [2001:db8::53]:53';

/** sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included. */
export const longestPath = 103;

/** Where to listen; port 0 takes any free port, host '' is every interface. null: not an address. */
export function parseListener(text: string): Address | null {
  return /^:[0-9]{1,5}$/.test(text) ? tcp('', text.slice(1), 0) : parse(text, 0);
}

/** Where a server is; a port alone is on 127.0.0.1. null: not an address. */
export function parseServer(text: string): Address | null {
  return /^[0-9]{1,5}$/.test(text) ? tcp('127.0.0.1', text, 1) : parse(text, 1);
}

/** The server is as many servers as its name has addresses. */
export function standsForAll({ address, resolve }: Pick<PoolServer, 'address' | 'resolve'>): boolean {
  return resolve === 'all' && address.kind === 'tcp' && isHostName(address.host);
}

/** A DNS server; without a port it is asked on 53. null: not an address. */
export function parseResolver(text: string): Extract<Address, { readonly kind: 'tcp' }> | null {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (isIPv4(bare) || isIPv6(bare)) return { kind: 'tcp', host: bare, port: 53 };
  const address = parse(text, 1);
  return address?.kind === 'tcp' && !isHostName(address.host) ? address : null;
}

function parse(text: string, lowestPort: number): Address | null {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return path !== '' && !path.includes('\0') && Buffer.byteLength(path) <= longestPath
      ? { kind: 'unix', path }
      : null;
  }
  const [, ipv6, host = ''] = /^(?:\[(.+)\]|([^:]+)):[0-9]{1,5}$/.exec(text) ?? [];
  const digits = text.slice(text.lastIndexOf(':') + 1);
  if (ipv6 !== undefined) return isIPv6(ipv6) ? tcp(plainAddress(ipv6), digits, lowestPort) : null;
  return isIPv4(host) || isHostName(host) ? tcp(host, digits, lowestPort) : null;
}

function tcp(host: string, digits: string, lowestPort: number): Address | null {
  const port = Number(digits);
  return port >= lowestPort && port <= 65_535 ? { kind: 'tcp', host: host.toLowerCase(), port } : null;
}

/** Labels of letters, digits, hyphens and underscores (container names have them); 127.1 and the like are not names. */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?=.*[a-z])[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(text)
  );
}
