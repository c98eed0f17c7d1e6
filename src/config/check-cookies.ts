/** No two affinities may write over each other's cookie, be it in one pool or in two. */
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

/** The same name, path and domain is one cookie in the client: each pool would take the other's for a stranger's. */
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

/** A name that both set. */
function sharedName({ cookies: a }: Writer, { cookies: b }: Writer): string | undefined {
  return a.names.find((name) => b.names.includes(name));
}

/** One client can hold only one of the two. Only hosts keep them apart: cookies know no ports (RFC 6265 section 8.5). */
function meet(a: Writer, b: Writer): boolean {
  if (a.cookies.path !== b.cookies.path || a.cookies.domain !== b.cookies.domain) return false;
  if (a.pool === b.pool) return true;
  if (a.cookies.domain !== '') return a.routes.length > 0 && b.routes.length > 0;
  return a.routes.some((one) => b.routes.some((other) => hostsMeet(one.match.host, other.match.host)));
}
