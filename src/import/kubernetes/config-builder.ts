/** Collects listeners, routes and pools from many documents, and writes the config with routes in the order of Kubernetes. */

import { hostBreadth, hostsMeet } from '../../config/host-pattern.ts';
import { isReservedName } from '../names.ts';
import { isCookiePath, withoutVariables } from '../values.ts';
import type { Pool, PoolCookie, Route } from './pool.ts';
import { sharedNameWarning } from './servers.ts';

/** A person cannot read a config with more routes, and aliases could produce them without limit. */
const maxRoutes = 10_000;

type Fields = Record<string, unknown>;

export class KubernetesConfigBuilder {
  private readonly ports = new Set<number>();
  /** The largest body that any rule allows; 0 if one has no limit, null if none sets it. */
  private bodyBytes: number | null = null;
  private readonly routes: { readonly route: Route; readonly pool: string }[] = [];
  private readonly taken = new Map<string, Route>();
  private readonly pools = new Map<string, Pool>();
  /** Names of pools by their content: two rules with the same pool share it, so that they share sessions too. */
  private readonly names = new Map<string, string>();

  listen(port: number): void {
    this.ports.add(port);
  }

  get listeners(): number {
    return this.ports.size;
  }

  allowBody(bytes: number): void {
    const known = this.bodyBytes;
    this.bodyBytes = known === 0 || bytes === 0 ? 0 : Math.max(known ?? 0, bytes);
  }

  get size(): number {
    return this.routes.length;
  }

  get isFull(): boolean {
    return this.routes.length >= maxRoutes;
  }

  /** The earlier route that matches the same requests. */
  earlier(route: Route): Route | undefined {
    return this.taken.get(keyOf(route));
  }

  add(route: Route, pool: Pool): void {
    const all = JSON.stringify([pool.servers, pool.fields, pool.affinity, pool.cookie?.fields]);
    let name = this.names.get(all);
    if (name === undefined) {
      name = this.freeName(pool.names);
      this.names.set(all, name);
      this.pools.set(name, pool);
    }
    this.taken.set(keyOf(route), route);
    const sticky = pool.cookie !== null || pool.affinity.length > 0;
    if (sticky && pool.servers.some(({ shared }) => shared)) {
      const named =
        route.part.at('backend', 'service', 'name') ?? route.part.at('backend', 'serviceName') ?? route.part;
      named.warn('not-sticky', sharedNameWarning);
    }
    this.routes.push({ route, pool: name });
  }

  config(): Readonly<Fields> {
    this.settleCookies();
    const limits = this.bodyBytes === null || this.bodyBytes === 0 ? {} : { limits: { bodyBytes: this.bodyBytes } };
    const routes = this.inOrder().map(({ route, pool }) => ({ ...matchOf(route), pool }));
    const [only] = routes;
    const needless = routes.length === 1 && only !== undefined && Object.keys(only).length === 1;
    const config = {
      listeners: [...this.ports].map((port) => ({ address: `:${port}`, ...limits })),
      pools: Object.fromEntries([...this.pools].map(([name, pool]) => [name, fieldsOf(pool)])),
      ...(needless ? {} : { routes }),
    };
    return withoutVariables(config) as Fields;
  }

  private freeName(wanted: readonly string[]): string {
    const names = wanted.map(poolName);
    const free = names.find((name) => !this.pools.has(name));
    if (free !== undefined) return free;
    for (let number = 2; ; number++) {
      const name = `${(names[0] ?? 'pool').slice(0, 56)}-${number}`;
      if (!this.pools.has(name)) return name;
    }
  }

  /** In Kubernetes the more specific rule goes first: an exact host, a longer path, a method. */
  private inOrder() {
    const hosts = [...new Set(this.routes.map(({ route }) => route.host))];
    return this.routes.toSorted(
      ({ route: a }, { route: b }) =>
        hostBreadth(a.host) - hostBreadth(b.host) ||
        hosts.indexOf(a.host) - hosts.indexOf(b.host) ||
        b.path.length - a.path.length ||
        Number(b.exact) - Number(a.exact) ||
        Number(b.methods.length > 0) - Number(a.methods.length > 0),
    );
  }

  /**
   * A cookie gets the path of its rule, as in ingress-nginx, if its pool has only one path. If two pools would then set the
   * same cookie and overwrite each other's value, the later one is renamed.
   */
  private settleCookies(): void {
    const settled: { cookie: PoolCookie; hosts: readonly string[] }[] = [];
    for (const [name, { cookie }] of this.pools) {
      if (cookie === null) continue;
      const routes = this.routes.filter(({ pool }) => pool === name).map(({ route }) => route);
      const hosts = routes.map(({ host }) => host);
      const paths = new Set(routes.map(({ path }) => path));
      const [path = '/'] = paths;
      if (cookie.followsPath && paths.size === 1 && path !== '/' && isCookiePath(path) && !isHostOnly(cookie)) {
        cookie.fields.path = path;
      }
      const clash = settled.some(({ cookie: other, hosts: others }) => {
        const same = (['name', 'path', 'domain'] as const).every(
          (field) => other.fields[field] === cookie.fields[field],
        );
        const shared = cookie.fields.domain !== undefined;
        return same && (shared || hosts.some((one) => others.some((two) => hostsMeet(one, two))));
      });
      if (clash) {
        cookie.fields.name = `${cookie.fields.name ?? 'limpet'}-${name}`;
        cookie.part.change(`its cookie is named ${cookie.fields.name}, because another pool's would overwrite it`);
      }
      settled.push({ cookie, hosts });
    }
  }
}

function isHostOnly({ fields }: PoolCookie): boolean {
  return /^__Host-/i.test(fields.name ?? '');
}

function keyOf({ host, path, methods, ports }: Route): string {
  return JSON.stringify([host, path, methods.toSorted(), ports]);
}

function matchOf({ host, path, methods, ports }: Route): Fields {
  const match = {
    ...(ports.length === 0 ? {} : { listeners: ports.map((port) => `:${port}`) }),
    ...(host === '' ? {} : { host }),
    ...(path === '/' ? {} : { path }),
    ...(methods.length === 0 ? {} : { methods: [...methods] }),
  };
  return Object.keys(match).length === 0 ? {} : { match };
}

function fieldsOf({ servers, affinity, cookie, fields }: Pool): Fields {
  const entries = cookie === null ? affinity : [{ cookie: cookie.fields }];
  const [only] = entries;
  const short = entries.length === 1 && (only === 'source-ip' || isPlainCookie(only));
  const written = entries.length === 0 ? 'none' : short ? (only === 'source-ip' ? only : 'cookie') : entries;
  return {
    servers: servers.map(({ name, address, weight, resolve }) =>
      name === undefined && weight === 1 && resolve === undefined
        ? address
        : {
            ...(name === undefined ? {} : { name }),
            address,
            ...(weight === 1 ? {} : { weight }),
            ...(resolve && { resolve }),
          },
    ),
    // A cookie with defaults only is the default of a pool.
    ...(written === 'cookie' ? {} : { affinity: written }),
    ...fields,
  };
}

function isPlainCookie(entry: unknown): boolean {
  return JSON.stringify(entry) === '{"cookie":{}}';
}

function poolName(wanted: string): string {
  const name = wanted.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
  const plain = name.replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '') || 'pool';
  return isReservedName(plain) ? `${plain}-1` : plain;
}
