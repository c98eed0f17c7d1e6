/** Collects listeners, pools, and routes in their order, and writes the config of them. */

import { hostsMeet } from '../config/host-pattern.ts';
import { firstSpelling } from './listener-address.ts';
import { freeName, isReservedName } from './names.ts';
import { withoutVariables } from './values.ts';
import type { WeightedServer } from './weights.ts';

export type Fields = Record<string, unknown>;

/** Something in the file to which a note can be added. */
export interface ChangeTarget {
  change(why: string): unknown;
}

export interface Route {
  /** '' for any host; `*.example.org` for its subdomains. */
  readonly host: string;
  /** A prefix; `/` for any path. */
  readonly path: string;
  /** Empty for every method. */
  readonly methods: readonly string[];
  /** Of paths; empty for any. */
  readonly extensions: readonly string[];
  /** Addresses of listeners; empty for all of them. */
  readonly listeners: readonly string[];
}

export interface PoolServer extends WeightedServer {
  readonly maxRequests?: number;
}

export interface Pool {
  /** The preferred name; a number is added when it is taken. */
  readonly name: string;
  readonly servers: readonly PoolServer[];
  /** Entries of `affinity`; empty for `none`. */
  readonly affinity: readonly unknown[];
  /** The fields of the affinity `cookie`. The name may change when the config is written. */
  readonly cookie: Fields | null;
  /** All other fields: balance, health, timeouts and so on. */
  readonly fields: Fields;
  /** Gets the note when the cookie is renamed. */
  readonly noteOn: ChangeTarget;
}

/** A person cannot read a config with more routes. */
const maxRoutes = 10_000;

export class ConfigBuilder {
  /** By address. */
  private readonly listeners = new Map<string, Fields>();
  /** Addresses of listeners, each in the spelling that came first. */
  private readonly spellings = new Set<string>();
  private readonly routes: { readonly route: Route; readonly pool: Pool }[] = [];
  private readonly taken = new Set<string>();
  /** By servers and affinity: two pools with the same ones are one pool, because they have the same sessions. */
  private readonly same = new Map<string, Pool>();

  listen(address: string, fields: Fields = {}): void {
    const first = this.spell(address);
    this.listeners.set(first, { ...this.listeners.get(first), ...fields });
  }

  private spell(address: string): string {
    const first = firstSpelling(address, this.spellings);
    this.spellings.add(first);
    return first;
  }

  get addresses(): readonly string[] {
    return [...this.listeners.keys()];
  }

  get size(): number {
    return this.routes.length;
  }

  /** Returns false if an earlier route matches the same requests. */
  add(wanted: Route, pool: Pool): boolean {
    const route = { ...wanted, listeners: [...new Set(wanted.listeners.map((one) => this.spell(one)))] };
    const key = JSON.stringify([
      route.host,
      route.path,
      route.methods.toSorted(),
      route.extensions.toSorted(),
      route.listeners.toSorted(),
    ]);
    if (this.taken.has(key) || this.routes.length >= maxRoutes) return false;
    this.taken.add(key);
    this.routes.push({ route, pool: this.shared(pool) });
    return true;
  }

  private shared(pool: Pool): Pool {
    const { servers, cookie, affinity, fields } = pool;
    const sticky = cookie !== null || affinity.length > 0;
    const key = JSON.stringify([servers, cookie, affinity, sticky ? null : fields]);
    const known = this.same.get(key) ?? pool;
    this.same.set(key, known);
    if (JSON.stringify(known.fields) !== JSON.stringify(fields)) {
      pool.noteOn.change(
        `its sessions are those of another route, "${known.name}", whose health and time-outs hold here too`,
      );
    }
    return known;
  }

  config(): Readonly<Fields> {
    const names = new Map<Pool, string>();
    const used = new Set<string>();
    for (const { pool } of this.routes) {
      if (names.has(pool)) continue;
      const name = freeName(pool.name, used);
      used.add(name);
      names.set(pool, name);
    }
    this.makeCookieNamesUnique(names);
    const routes = this.routes.map(({ route, pool }) => {
      const match = this.matchOf(route);
      return { ...(Object.keys(match).length === 0 ? {} : { match }), pool: names.get(pool) };
    });
    const needless = routes.length === 1 && routes[0]?.match === undefined;
    return withoutVariables({
      listeners: [...this.listeners].map(([address, fields]) => ({ address, ...fields })),
      pools: Object.fromEntries([...names].map(([pool, name]) => [name, fieldsOf(pool)])),
      ...(needless ? {} : { routes }),
    }) as Fields;
  }

  private matchOf({ host, path, methods, extensions, listeners }: Route): Fields {
    const everywhere = listeners.length === 0 || this.addresses.every((address) => listeners.includes(address));
    return {
      ...(everywhere ? {} : { listeners: [...listeners] }),
      ...(host === '' ? {} : { host }),
      ...(path === '/' ? {} : { path }),
      ...(methods.length === 0 ? {} : { methods: [...methods] }),
      ...(extensions.length === 0 ? {} : { extensions: [...extensions] }),
    };
  }

  /** Two pools that set the same cookie for the same host would overwrite each other's value. */
  private makeCookieNamesUnique(names: ReadonlyMap<Pool, string>): void {
    const settled: { readonly cookie: Fields; readonly hosts: readonly string[] }[] = [];
    for (const [pool, name] of names) {
      const { cookie } = pool;
      if (cookie === null) continue;
      const hosts = this.routes.filter((one) => one.pool === pool).map(({ route }) => route.host);
      const wanted = cookie.name ?? 'limpet';
      for (let n = 1; settled.some((other) => clash(cookie, hosts, other)); n++) {
        cookie.name = `${String(wanted)}-${name}${n === 1 ? '' : `-${n}`}`;
      }
      if ((cookie.name ?? 'limpet') !== wanted) {
        pool.noteOn.change(`the cookie is ${String(cookie.name)}, because ${String(wanted)} is that of another pool`);
      }
      settled.push({ cookie, hosts });
    }
  }
}

function clash(
  cookie: Fields,
  hosts: readonly string[],
  other: { readonly cookie: Fields; readonly hosts: readonly string[] },
): boolean {
  const same = (['name', 'path', 'domain'] as const).every((field) => cookie[field] === other.cookie[field]);
  return same && (cookie.domain !== undefined || hosts.some((one) => other.hosts.some((two) => hostsMeet(one, two))));
}

function fieldsOf({ servers, affinity, cookie, fields }: Pool): Fields {
  const entries = cookie === null ? affinity : [{ cookie }, ...affinity];
  const [only] = entries;
  const plain = entries.length === 1 && cookie !== null && Object.keys(cookie).length === 0;
  return {
    servers: servers.map(({ name, address, weight, maxRequests }) =>
      (name === undefined || isReservedName(name)) && weight === 1 && maxRequests === undefined
        ? address
        : {
            ...(name === undefined || isReservedName(name) ? {} : { name }),
            address,
            ...(weight === 1 ? {} : { weight }),
            ...(maxRequests === undefined ? {} : { maxRequests }),
          },
    ),
    ...(plain ? {} : { affinity: entries.length === 0 ? 'none' : only === 'source-ip' ? only : entries }),
    ...fields,
  };
}
