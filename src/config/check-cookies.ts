/** What browsers demand of a cookie's attributes, and that no two pools write over each other's cookie. */
import { hostsMeet } from './host-pattern.ts';
import type { CookieOptions, LimpetOptions, RouteOptions } from './options.ts';
import type { Path, Problem } from './problem.ts';

/** A cookie that breaks one of these rules is dropped by browsers without a word: no session would ever stick. */
export function checkCookie(cookie: CookieOptions, path: Path): Problem[] {
  const found: Problem[] = [];
  const add = (level: Problem['level'], field: string, text: string) =>
    found.push({ level, path: [...path, field], text });
  const { name, secure } = cookie;

  if (secure === 'never') {
    if (cookie.sameSite === 'None') add('error', 'secure', 'SameSite=None needs Secure: expected auto or always');
    if (cookie.partitioned) add('error', 'secure', 'a partitioned cookie needs Secure: expected auto or always');
    if (cookie.twin !== '') add('error', 'secure', 'a twin cookie needs Secure: expected auto or always');
    if (/^__(?:Host|Secure)-/i.test(name)) {
      add('error', 'secure', `the name ${name} needs Secure: expected always`);
    }
  } else if (secure === 'auto' && /^__(?:Host|Secure)-/i.test(name)) {
    add('warning', 'secure', `the name ${name} needs Secure: clients that do not come over TLS lose the cookie`);
  }
  if (/^__Host-/i.test(name)) {
    if (cookie.path !== '/')
      add('error', 'path', `found ${JSON.stringify(cookie.path)}, expected "/" with the name ${name}`);
    if (cookie.domain !== '') add('error', 'domain', `expected none with the name ${name}`);
  }
  if (cookie.lifetime === 'permanent' && cookie.absolute === 0) {
    add('error', 'absolute', 'found nothing, expected a time, because lifetime is permanent');
  }
  found.push(...checkApp(cookie, [...path, 'app']));
  if (cookie.absolute > 0 && cookie.idle > cookie.absolute) {
    add('error', 'idle', 'longer than absolute: a session would never be idle that long');
  }
  return found;
}

/** What an app may choose is never less than what the cookie has anyway. */
function checkApp({ app, name, sameSite, domain, path: own }: CookieOptions, path: Path): Problem[] {
  const found: Problem[] = [];
  const add = (field: string, text: string) => found.push({ level: 'error', path: [...path, field], text });
  const sites = ['Strict', 'Lax', 'None'];
  if (sites.indexOf(app.sameSite) < sites.indexOf(sameSite)) {
    add('sameSite', `found ${app.sameSite}, expected ${sameSite} as the cookie has it, or wider`);
  }
  if (app.domain !== domain && domain !== '' && !domain.endsWith(`.${app.domain}`)) {
    add('domain', `found ${JSON.stringify(app.domain)}, expected ${domain} as the cookie has it, or a domain above it`);
  }
  if (app.domain !== domain && /^__Host-/i.test(name)) add('domain', `expected none with the name ${name}`);
  if (app.path !== own && !own.startsWith(app.path.endsWith('/') ? app.path : `${app.path}/`)) {
    add(
      'path',
      `found ${JSON.stringify(app.path)}, expected ${JSON.stringify(own)} as the cookie has it, or a path above it`,
    );
  }
  return found;
}

interface Writer {
  readonly pool: string;
  readonly index: number;
  readonly cookie: CookieOptions;
  readonly routes: readonly RouteOptions[];
}

/** The same name, path and domain is one cookie in the client: each pool would take the other's for a stranger's. */
export function checkSharedCookies({ pools, routes }: LimpetOptions): Problem[] {
  const found: Problem[] = [];
  const writers: Writer[] = [];
  for (const { name: pool, affinity } of pools) {
    const own = routes.filter((route) => route.pool === pool && route.affinity);
    for (const [index, cookie] of affinity.entries()) {
      if (cookie.type !== 'cookie') continue;
      const other = writers.find(
        (writer) => shared(writer.cookie, cookie) !== undefined && meet(writer, { pool, index, cookie, routes: own }),
      );
      if (other === undefined) writers.push({ pool, index, cookie, routes: own });
      else {
        const name = shared(other.cookie, cookie);
        const whose = other.pool === pool ? `affinity[${other.index}]` : `pool ${other.pool}`;
        found.push({
          level: 'error',
          path: ['pools', pool, 'affinity', index, 'cookie', 'name'],
          text: `${whose} sets the cookie "${name}" too, and each would overwrite the other's: give one another name, such as "${cookie.name}-${pool}"`,
        });
      }
    }
  }
  return found;
}

/** A name that both set. */
function shared(a: CookieOptions, b: CookieOptions): string | undefined {
  return [a.name, a.twin].find((name) => name !== '' && (name === b.name || name === b.twin));
}

/** One client can hold only one of the two. Only hosts keep them apart: cookies know no ports (RFC 6265 section 8.5). */
function meet(a: Writer, b: Writer): boolean {
  if (a.cookie.path !== b.cookie.path || a.cookie.domain !== b.cookie.domain) return false;
  if (a.pool === b.pool) return true;
  if (a.cookie.domain !== '') return a.routes.length > 0 && b.routes.length > 0;
  return a.routes.some((one) => b.routes.some((other) => hostsMeet(one.match.host, other.match.host)));
}
