/** Addresses of sites of Caddy: hosts, and the listener that their requests come by. */

import { isIP } from 'node:net';
import { isHostName } from '../../config/address.ts';
import { isVariable } from './upstreams.ts';

export interface SiteAddress {
  /** '' any. */
  readonly host: string;
  /** null: Caddy chooses it, 443. */
  readonly port: number | null;
  readonly secure: boolean;
}

/** A string: why it is none. */
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
  // Without a name there is nothing to get a certificate for.
  const secure = scheme.toLowerCase() === 'https' || name !== '' || port === 443;
  return { host: name, port, secure };
}
