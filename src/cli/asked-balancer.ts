/** Which running balancer a command asks: the one of a config, or the one at `--admin`. */
import type { Address } from '../net/socket.ts';
import type { AskedOptions } from './admin-client.ts';
import { Mistake } from './mistake.ts';

export interface AdminUrl {
  readonly address: Address;
  readonly secure: boolean;
}

export interface AskedBalancer {
  /** undefined: the config of the current folder. Not read for its address when there is `admin`. */
  readonly file: string | undefined;
  readonly admin?: AdminUrl;
  /** PEM file of the authorities that are trusted. */
  readonly ca?: string;
}

export interface AskedFlags {
  readonly config?: string | undefined;
  readonly admin?: AdminUrl | undefined;
  readonly ca?: string | undefined;
}

export function askedBy({ config, admin, ca }: AskedFlags): AskedBalancer {
  if (admin !== undefined && config !== undefined)
    throw new Mistake(`--admin: found it with --config ${config}, expected one of them`);
  if (ca !== undefined && admin?.secure === false)
    throw new Mistake(`--ca: found it with an --admin that has no TLS, expected one that begins with https://`);
  return { file: config, ...(admin !== undefined && { admin }), ...(ca !== undefined && { ca }) };
}

/** The rest comes from the environment: there is no config. */
export function optionsAt({ address, secure }: AdminUrl): AskedOptions {
  return {
    stateDir: '',
    admin: { listen: address, token: '', readToken: '', hosts: [], tls: secure ? { ca: null } : null },
  };
}

/** null: it is none. */
export function parseAdminUrl(text: string): AdminUrl | null {
  const [, path] = /^unix:([^\0]+)$/.exec(text) ?? [];
  if (path !== undefined) return { address: { kind: 'unix', path }, secure: false };
  const [, scheme, host = '', port] =
    /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (scheme === undefined) return null;
  const secure = scheme.toLowerCase() === 'https';
  const number = Number(port ?? (secure ? 443 : 80));
  if (number < 1 || number > 65_535) return null;
  return { address: { kind: 'tcp', host: host.replace(/^\[|\]$/g, '').toLowerCase(), port: number }, secure };
}
