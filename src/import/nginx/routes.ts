/** The routes of an nginx.conf, by listen address, in the order in which nginx tries them. */

import { hostRank, type Match } from './locations.ts';
import type { Pool } from './upstream.ts';

export interface Route {
  /** The key of its listen address. */
  readonly key: string;
  readonly host: string;
  readonly match: Match;
  readonly rank: number;
  readonly pool: Pool;
  /** The default server has the same route for every host. */
  readonly named: boolean;
}

interface WrittenRoute {
  readonly match: Record<string, unknown>;
  readonly pool: string;
}

export class Routes {
  private readonly routes: Route[] = [];

  get size(): number {
    return this.routes.length;
  }

  add(route: Route): void {
    this.routes.push(route);
  }

  /** An earlier route matches these requests. */
  has(key: string, host: string, match: Match): boolean {
    return this.routes.some((one) => one.key === key && one.host === host && sameMatch(one.match, match));
  }

  /** The routes of a listen address as text, for comparing. */
  textOf(key: string): string {
    return JSON.stringify(this.writtenAt([key]));
  }

  /** The form in limpet.yaml. `addresses`: of the listeners, by key. Listeners with the same routes share them. */
  write(addresses: ReadonlyMap<string, string>): unknown[] {
    const keys = new Map<string, string[]>();
    for (const [key, address] of addresses) keys.set(address, [...(keys.get(address) ?? []), key]);
    const groups = new Map<string, { readonly listeners: string[]; readonly routes: readonly WrittenRoute[] }>();
    for (const [address, own] of keys) {
      const routes = this.writtenAt(own);
      const text = JSON.stringify(routes);
      const group = groups.get(text) ?? { listeners: [], routes };
      group.listeners.push(address);
      groups.set(text, group);
    }
    const isOnlyGroup = groups.size === 1;
    return [...groups.values()].flatMap(({ listeners, routes }) =>
      routes.map(({ match, pool }) => {
        const whole = { ...match, ...(isOnlyGroup ? {} : { listeners }) };
        return Object.keys(whole).length === 0 ? { pool } : { match: whole, pool };
      }),
    );
  }

  private writtenAt(keys: readonly string[]): WrittenRoute[] {
    const own = keys.flatMap((key) => this.routes.filter((route) => route.key === key));
    return inOrder(own).map(({ host, match, pool }) => {
      const written = { ...(host === '' ? {} : { host }), ...(match.path === '/' ? {} : match) };
      return { match: written, pool: pool.name };
    });
  }
}

function inOrder(routes: readonly Route[]): Route[] {
  const length = ({ match }: Route) => match.path?.length ?? 0;
  const patterns = routes.filter(({ host }) => host.startsWith('*.'));
  // The default server serves every host: its own names need routes only where another server's pattern would take them.
  const needed = routes.filter(
    ({ host, named }) => !named || patterns.some((pattern) => host.endsWith(pattern.host.slice(1))),
  );
  return needed.toSorted((a, b) => hostRank(b.host) - hostRank(a.host) || b.rank - a.rank || length(b) - length(a));
}

function sameMatch(a: Match, b: Match): boolean {
  const path = (match: Match) => (match.path ?? '/').replace(/(?<=.)\/+$/, '');
  return path(a) === path(b) && (a.extensions ?? []).join() === (b.extensions ?? []).join();
}
