/** Warnings about directives that restrict access, redirect or rewrite, because none of them is carried over. */

import type { Directive } from '../directive.ts';
import type { Concern } from '../imported.ts';

export interface AccessWarning {
  readonly concern: Concern;
  readonly why: string;
}

/** Headers that identify the user to an application. A client must not be able to set them. */
const identifying = /(?:user|auth|client|cert|\bdn\b|role|group|secret|token|ssl|internal)/i;

/** `where`: a description of the block for which the directive holds, such as `location /admin/`. */
export function concernOf({ name, args, block }: Directive, where: string): AccessWarning | null {
  const open = (what: string): AccessWarning => ({
    concern: 'open',
    why: `${what} in ${where}: do it before or behind`,
  });
  const lost = (what: string): AccessWarning => ({
    concern: 'not-working',
    why: `${what} in ${where}: do it before or behind`,
  });
  const [first = '', second = ''] = args;
  if (name === 'deny') return open('addresses are not refused here, so that any client gets through');
  if (name === 'auth_basic') return first === 'off' ? null : open('no password is asked for here');
  if (name === 'auth_request') return first === 'off' ? null : open('nobody is asked whether a request may pass');
  if (/^(?:auth_jwt|auth_oidc|auth_ldap|auth_pam|auth_digest|auth_saml)$/.test(name) && first !== 'off')
    return open('no proof of who asks is demanded here');
  if (/^(?:limit_except|secure_link|modsecurity|naxsi|(?:access|rewrite)_by_lua|js_access|perl_access)/.test(name))
    return open('requests are not judged here, so that any client gets through');
  if (name === 'limit_req' || name === 'limit_conn')
    return open('requests beyond a rate or number are not refused here');
  if (name === 'ssl_verify_client' && first === 'on')
    return open('no certificate of a client is asked for here: its authority (ssl_client_certificate) is not known');
  if (name === 'return') return returned(args, open, lost);
  if (name === 'if') {
    const inner = block ?? [];
    for (const one of inner) {
      const found = concernOf(one, `${where}, if ${args.join(' ')}`);
      if (found !== null) return found;
    }
    return inner.some((one) => one.name === 'proxy_pass' || one.name === 'grpc_pass')
      ? lost('requests go where their route says, whatever else they hold')
      : null;
  }
  if (name === 'rewrite') return lost('paths are passed on as they come: a server sees another one');
  if (name === 'proxy_method' || name === 'proxy_set_body') return lost('requests are passed on as they come');
  if (name !== 'proxy_set_header') return null;
  const header = first.toLowerCase();
  if (header === 'host' && !/^\$(?:host|http_host|proxy_host)(?::\$(?:server_)?port)?$/.test(second))
    return lost('the Host of the client is passed on: a server sees another one');
  return identifying.test(header) && !header.startsWith('x-forwarded-') && !header.startsWith('sec-websocket')
    ? open(`headers are passed on as they come, so that any client can say ${first}`)
    : null;
}

function returned(
  args: readonly string[],
  open: (what: string) => AccessWarning,
  lost: (what: string) => AccessWarning,
): AccessWarning {
  const [status = ''] = args;
  if (/^4/.test(status)) return open('requests are not refused here, so that any client gets through');
  return lost(
    /^(?:30|http)/.test(status) ? 'no request is redirected here: it reaches a server' : 'only servers answer here',
  );
}

/** The block only refuses requests. */
export function refuses(inner: readonly Directive[]): boolean {
  return inner.some(({ name, args }) => {
    return (name === 'deny' && args[0] === 'all') || (name === 'return' && /^4/.test(args[0] ?? ''));
  });
}

/** Files that come with nginx or certbot, and are not about requests. */
export function isHarmlessInclude(file: string): boolean {
  return /(?:mime\.types|(?:fastcgi|uwsgi|scgi|proxy)[-_]params|koi-utf|win-utf|modules-enabled\/.*|.*ssl[^/]*|.*letsencrypt.*)(?:\.conf)?$/.test(
    file,
  );
}
