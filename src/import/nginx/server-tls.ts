/** TLS and HTTP/2 toward servers: `proxy_pass https://`, `grpc_pass`, and `proxy_ssl_...` or `grpc_ssl_...`, as fields of a pool. */

import { isHostName } from '../../config/address.ts';
import type { Directive } from '../directive.ts';
import type { DirectiveReport } from '../directive-report.ts';
import type { Target } from './proxy-pass.ts';
import type { Settings } from './settings.ts';

type ServerTarget = Exclude<Target, { readonly why: string }>;

/** `protocol` and `tls` of the pool to which `pass` leads; `{}` for HTTP/1.1 in the clear. */
export function serverTlsOf(
  { host, secure, h2 }: ServerTarget,
  pass: Directive,
  settings: Settings,
  report: DirectiveReport,
): Readonly<Record<string, unknown>> {
  const protocol = h2 ? { protocol: 'h2' } : {};
  if (!secure) return protocol;
  const prefix = pass.name === 'grpc_pass' ? 'grpc_ssl_' : 'proxy_ssl_';
  const of = (name: string): string => {
    const directive = settings.get(`${prefix}${name}`);
    const [value = ''] = directive?.args ?? [];
    if (directive === undefined || value.includes('$')) return '';
    report.carry(directive);
    return value;
  };
  const [ca, cert, key, name] = [of('trusted_certificate'), of('certificate'), of('certificate_key'), of('name')];
  const verify = of('verify') === 'on';
  of('server_name');
  if (!verify) {
    const change =
      'certificates of these servers are not verified, as nginx does not by itself: remove verify, and set ca, to do so';
    report.change(pass, change);
  }
  const asked = name || host.replace(/:\d+$/, '');
  const tls = {
    // The name that is verified. Without it the name in the address of each server is.
    ...(isHostName(asked) && (verify || name !== '') && { sni: asked }),
    ...(ca !== '' && verify && { ca }),
    ...(cert !== '' && key !== '' && { cert, key }),
    ...(!verify && { verify }),
  };
  return { ...protocol, tls: Object.keys(tls).length === 0 ? true : tls };
}
