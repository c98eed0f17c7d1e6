/** Checks that no two affinities, of one pool or of two, overwrite each other's cookie. */
import type { OwnCookies } from '../affinity/descriptor.ts';
import { descriptorOf } from '../affinity/registry.ts';
import { hostsMeet } from './host-pattern.ts';
import type { LimpetOptions, RouteOptions } from './options.ts';
import { error, type Problem } from './problem.ts';

interface Writer {
  readonly pool: string;
  readonly index: number;
  readonly cookies: OwnCookies;
  readonly routes: readonly RouteOptions[];
}

/** Two cookies with the same name, path and domain are one cookie for the client: each pool would refuse the token of the other. */
export function checkSharedCookies({ pools, routes }: LimpetOptions): Problem[] {
  const found: Problem[] = [];
  const writers: Writer[] = [];
  for (const { name: pool, affinity } of pools) {
    const own = routes.filter((route) => route.pool === pool && route.affinity);
    for (const [index, options] of affinity.entries()) {
      const cookies = descriptorOf(options).cookiesOf?.(options);
      if (cookies === undefined) continue;
      const writer: Writer = { pool, index, cookies, routes: own };
      const other = writers.find((earlier) => sharedName(earlier, writer) !== undefined && meet(earlier, writer));
      if (other === undefined) writers.push(writer);
      else {
        const name = sharedName(other, writer);
        const whose = other.pool === pool ? `affinity[${other.index}]` : `pool ${other.pool}`;
        const text = `${whose} sets the cookie "${name}" too, and each would overwrite the other's: give one another name, such as "${cookies.names[0]}-${pool}"`;
        found.push(error(['pools', pool, 'affinity', index, options.type, 'name'], text));
      }
    }
  }
  return found;
}

/** A cookie name that both use. */
function sharedName({ cookies: a }: Writer, { cookies: b }: Writer): string | undefined {
  return a.names.find((name) => b.names.includes(name));
}

/** One client may get both cookies. Only different hosts prevent that: cookies do not depend on ports (RFC 6265 section 8.5). */
function meet(a: Writer, b: Writer): boolean {
  if (a.cookies.path !== b.cookies.path || a.cookies.domain !== b.cookies.domain) return false;
  if (a.pool === b.pool) return true;
  if (a.cookies.domain !== '') return a.routes.length > 0 && b.routes.length > 0;
  return a.routes.some((one) => b.routes.some((other) => hostsMeet(one.match.host, other.match.host)));
}
