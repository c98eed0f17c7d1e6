/**
 * Decides by its head alone whether a request of the admin API may go on. Before that, nothing of its body is read.
 *
 *      Host        checked by the listener (listen.ts)
 *      Origin      a browser sends it: only pages of this listener may send anything
 *      token       operator: everything. read: what changes nothing. None: probes, and the files of the dashboard
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isBearer } from './bearer.ts';
import type { AdminTokens } from './dependencies.ts';

export interface Refusal {
  readonly status: 401 | 403;
  readonly code: string;
  readonly message: string;
}

/** For probes that have no token, and for the page that asks for one. */
const isPublic = (path: string): boolean =>
  path === '/livez' || path === '/readyz' || path === '/' || path.startsWith('/assets/');

/** Requests that have a body and change nothing. */
const readingPosts = new Set(['/v1/sessions/find', '/v1/explain']);

/** null: it may go on. */
export function refusalOf(
  { method = '', url = '', headers }: { method?: string; url?: string; headers: IncomingHttpHeaders },
  tokens: AdminTokens,
): Refusal | null {
  const path = url.split('?', 1).join('');
  const { origin, host = '', authorization = '' } = headers;
  // Without this check, a page of any site could send commands to a port of its user's machine.
  if (origin !== undefined && hostOf(origin) !== host.toLowerCase())
    return {
      status: 403,
      code: 'foreign-origin',
      message: 'found an Origin of another site, expected none, or that of this listener',
    };
  const isReading = method === 'GET' || method === 'HEAD';
  if ((isReading && isPublic(path)) || tokens.operator === '' || isBearer(authorization, tokens.operator)) return null;
  if (tokens.read === '' || !isBearer(authorization, tokens.read)) {
    const found = authorization === '' ? 'no token' : 'another token';
    return { status: 401, code: 'wrong-token', message: `found ${found}, expected Authorization: Bearer TOKEN` };
  }
  if (isReading || (method === 'POST' && readingPosts.has(path))) return null;
  return {
    status: 403,
    code: 'read-only',
    message: `${method} ${path} changes something: found the read token (admin.readToken), expected admin.token`,
  };
}

/** '': it is no URL (`null`, of a sandboxed page). */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}
