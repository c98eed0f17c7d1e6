/** The TLS of a `server` of nginx as fields of a listener: certificates, versions, and the certificates of clients. */

import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import { isTemplate } from '../template.ts';

export interface ListenerTls {
  readonly certificates: { cert: string; key: string }[];
  minVersion?: string;
  clientCertificates?: { ca: string; require: boolean };
}

/** null: the server has no pair of files with a fixed name. `outer`: the directives of `http`, which hold where the server has none. */
export function tlsOf(server: Directive, outer: readonly Directive[], report: DirectiveReport): ListenerTls | null {
  const inner = server.block ?? [];
  const of = (name: string): readonly Directive[] => {
    const own = inner.filter((one) => one.name === name);
    return own.length > 0 ? own : outer.filter((one) => one.name === name);
  };
  const certs = of('ssl_certificate');
  const keys = of('ssl_certificate_key');
  const files = [...certs, ...keys].map(({ args }) => args[0] ?? '');
  if (certs.length === 0 || certs.length !== keys.length || !files.every(isFile)) return null;
  for (const directive of [...certs, ...keys]) report.carry(directive);
  const tls: ListenerTls = {
    certificates: certs.map(({ args: [cert = ''] }, at) => ({ cert, key: keys[at]?.args[0] ?? '' })),
  };
  const [protocols] = of('ssl_protocols');
  if (protocols !== undefined) {
    report.carry(protocols);
    if (!protocols.args.some((one) => /^TLSv1(?:\.[012])?$/.test(one))) tls.minVersion = '1.3';
    if (protocols.args.some((one) => /^(?:TLSv1(?:\.1)?|SSLv[23])$/.test(one)))
      report.change(protocols, 'TLS 1.2 is the oldest that is spoken here');
  }
  readClients(tls, of, report);
  return tls;
}

function readClients(tls: ListenerTls, of: (name: string) => readonly Directive[], report: DirectiveReport): void {
  const [verify] = of('ssl_verify_client');
  const [ca] = of('ssl_client_certificate');
  const how = verify?.args[0] ?? 'off';
  if (verify === undefined || (how !== 'on' && how !== 'optional')) return;
  const file = ca?.args[0] ?? '';
  if (ca === undefined || !isFile(file)) return;
  tls.clientCertificates = { ca: file, require: how === 'on' };
  report.carry(verify);
  report.carry(ca);
  if (how === 'optional') report.change(verify, 'a certificate that does not verify is refused in the handshake');
  const [crl] = of('ssl_crl');
  if (crl !== undefined) report.warn(crl, 'open', 'certificates that were revoked are not refused here');
}

/** Not a variable, a template, or a key in an engine or in the text itself. */
function isFile(path: string): boolean {
  return path !== '' && !isTemplate(path) && !/^(?:data|engine|store):|\$/.test(path);
}

/** `return 301 https://$host$request_uri`, alone or in `location /`: the directives that say so; null: the server does more. */
export function redirectToHttps(inner: readonly Directive[]): Directive[] | null {
  const own = inner.find(({ name }) => name === 'return');
  if (own !== undefined) return isRedirect(own) ? [own] : null;
  const root = inner.find(({ name, args }) => name === 'location' && args.join(' ') === '/');
  const inside = root?.block?.find(({ name }) => name === 'return');
  return root !== undefined && inside !== undefined && isRedirect(inside) ? [root, inside] : null;
}

function isRedirect({ args: [code = '', url = ''] }: Directive): boolean {
  const target = /^https?:/.test(code) ? code : url;
  return /^https:\/\/\$(?:host|http_host|server_name)(?::\d+)?\$(?:request_uri|uri)$/.test(target);
}
