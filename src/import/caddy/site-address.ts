/** Addresses of sites of Caddy: a host, and the listener on which its requests arrive. */

import { isIP } from 'node:net';
import { isHostName } from '../../config/address.ts';
import { isVariable } from './upstreams.ts';

export interface SiteAddress {
  /** '' for any host. */
  readonly host: string;
  /** null when the address has none: Caddy takes 443. */
  readonly port: number | null;
  readonly secure: boolean;
}

/** Returns the reason as a string when it is no address of a site. */
export function readSite(text: string, httpPort: number): SiteAddress | string {
  if (isVariable(text) || text.includes('{$')) return `${text} is a variable: put its value in first`;
  const [, scheme = '', rest = ''] = /^(?:(https?):\/\/)?(.*)$/i.exec(text) ?? [];
  const [, host = '', digits, path = ''] = /^(\[[^\]]*\]|[^:/]*)(?::(\d{1,5}))?(\/.*)?$/.exec(rest) ?? [];
  const port = digits === undefined ? null : Number(digits);
  const name = host.toLowerCase();
  const plainName = name.replace(/^\*\./, '');
  const fits = name === '' ? rest === '' || port !== null || path !== '' : isHostName(plainName) || isIP(name) === 4;
  if (!fits || (port !== null && (port < 1 || port > 65_535)) || (text === '' && scheme === '')) {
    return `"${text}" is no address of a site`;
  }
  if (path !== '' && path !== '/') return `"${text}" has a path: write it as a matcher`;
  const plain = scheme.toLowerCase() === 'http' || port === httpPort;
  if (plain) return { host: name, port: port ?? httpPort, secure: false };
  // Caddy gets certificates for names only.
  const secure = scheme.toLowerCase() === 'https' || name !== '' || port === 443;
  return { host: name, port, secure };
}
