/** Values of a haproxy.cfg as a config has them. */

import { parseListener, parseServer } from '../../config/address.ts';
import { formatAddress } from '../../net/socket.ts';
import { isReservedName } from '../names.ts';

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; `unit` is that of a number alone. Returns null if it is no time. */
export function parseTime(word: string | undefined, unit: 'ms' | 's' = 'ms'): number | null {
  const [, digits, suffix] = /^([0-9]{1,12})(us|ms|s|m|h|d)?$/.exec(word ?? '') ?? [];
  const factor = units[suffix ?? unit];
  return digits === undefined || factor === undefined ? null : Math.ceil(Number(digits) * factor);
}

export type AddressResult = { readonly address: string } | { readonly why: string };

/** The address of a `server` line. */
export function serverAddress(word: string): AddressResult {
  const text = bare(word);
  if (text === null) return { why: `the address ${word} is of a kind that is not spoken here` };
  const port = /:([^:\]]*)$/.exec(text)?.[1];
  if (!text.startsWith('unix:') && (port === undefined || port === '' || /^[+-]/.test(port))) {
    return { why: 'it has no port of its own, so HAProxy takes the one that the client came to' };
  }
  const address = parseServer(text);
  return address === null || /^[0-9]+$/.test(text)
    ? { why: `"${word}" is no address of a server` }
    : { address: formatAddress(address) };
}

/** One address of a `bind` line. */
export function bindAddress(word: string): AddressResult {
  const text = bare(word);
  if (text === null) return { why: `the address ${word} is of a kind that is not listened on here` };
  if (/:[0-9]+-[0-9]+$/.test(text)) return { why: 'it is a range of ports: list them one by one' };
  const address = parseListener(text.replace(/^\*:/, ':'));
  // Port 0 would mean any free port. HAProxy refuses it.
  return address === null || (address.kind === 'tcp' && address.port === 0)
    ? { why: `"${word}" is no address to listen on` }
    : { address: formatAddress(address) };
}

/** Without the prefix of the address family, with IPv6 in brackets, and paths as `unix:`. null: the family is not supported. */
function bare(word: string): string | null {
  const [, family, rest = word] = /^([a-z0-9]+)@(.*)$/.exec(word) ?? [];
  if (family === 'unix' || (family === undefined && word.startsWith('/'))) return `unix:${rest}`;
  if (family !== undefined && !['ipv4', 'ipv6'].includes(family)) return null;
  const [, ipv6, port] = /^((?:[0-9a-f]*:){2,}[0-9a-f.]*):([0-9]+)$/i.exec(rest) ?? [];
  return ipv6 === undefined ? rest : `[${ipv6}]:${port}`;
}

/** A valid name for a pool that is not taken. */
export function poolName(name: string, taken: ReadonlySet<string>): string {
  const splitSections = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 56);
  const plain = splitSections.replace(/^[._-]+|[._-]+$/g, '') || 'pool';
  let found = isReservedName(plain) ? `${plain}-1` : plain;
  for (let count = 2; taken.has(found); count++) found = `${plain}-${count}`;
  return found;
}
