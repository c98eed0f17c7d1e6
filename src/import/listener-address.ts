/** Addresses of listeners: one that is chosen here because the file gives none, and one that the file spells in several ways. */
import { parseListener } from '../config/address.ts';
import { isSameListener } from '../config/check-addresses.ts';

/** An address of this machine whose port is none of the used ones. A proxy in front ends TLS and forwards to it. */
export function freeLoopbackAddress(used: readonly string[]): string {
  for (let port = 8080; ; port++) if (!used.some((address) => address.endsWith(`:${port}`))) return `127.0.0.1:${port}`;
}

/** The address among `known` that is the same as this one in another spelling, `127.0.0.1:80` for `localhost:80`; else itself. */
export function firstSpelling(address: string, known: Iterable<string>): string {
  const parsed = parseListener(address);
  if (parsed === null) return address;
  for (const other of known) {
    if (other === address) return address;
    const listening = parseListener(other);
    if (listening !== null && isSameListener(parsed, listening)) return other;
  }
  return address;
}
