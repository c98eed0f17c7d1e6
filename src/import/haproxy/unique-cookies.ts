/** Renames cookies, because two pools that set the same cookie would overwrite each other's value. */
import type { LineReport } from './line-report.ts';
import type { Pool } from './pool.ts';
import type { Route } from './routes.ts';

type Config = Readonly<Record<string, unknown>>;

interface NamedCookie {
  readonly name: string;
  readonly domain: unknown;
  readonly hosts: readonly string[];
}

/** Returns the configs of the pools by the name of their section. `names`: the names of the pools by section. */
export function makeCookieNamesUnique(
  pools: ReadonlyMap<string, Pool>,
  routes: readonly Route[],
  names: ReadonlyMap<string, string>,
  report: LineReport,
): Map<string, Config> {
  const given: NamedCookie[] = [];
  return new Map(
    Array.from(pools, ([backend, { config, proxy }]) => {
      const hosts = routes.filter((route) => route.backend === backend).map(({ match }) => match.host);
      const rename = (cookie: Config): Config => {
        const { name, domain } = cookie;
        const own: NamedCookie = { name: String(name), domain, hosts };
        const free = (wanted: string) => !given.some((other) => clash(other, { ...own, name: wanted }));
        const base = `${own.name}-${names.get(backend) ?? ''}`;
        let found = free(own.name) ? own.name : base;
        for (let count = 2; !free(found); count++) found = `${base}-${count}`;
        given.push({ ...own, name: found });
        if (found === own.name) return cookie;
        const line = proxy.lines.findLast(({ words }) => words[0] === 'cookie');
        if (line !== undefined)
          report.change(
            line,
            `in ${proxy.kind} ${proxy.name} it is named ${found}: each pool needs a cookie of its own`,
          );
        return { ...cookie, name: found };
      };
      const { affinity } = config;
      if (!Array.isArray(affinity)) return [backend, config];
      const entries = affinity.map((entry: Config) =>
        typeof entry.cookie === 'object' && entry.cookie !== null
          ? { ...entry, cookie: rename(entry.cookie as Config) }
          : entry,
      );
      return [backend, { ...config, affinity: entries }];
    }),
  );
}

/** Two cookies of one name do not clash if their hosts differ, unless one has a domain. A pool without a route never clashes. */
function clash(a: NamedCookie, b: NamedCookie): boolean {
  if (a.name !== b.name || a.hosts.length === 0 || b.hosts.length === 0) return false;
  const apart = (host: string) => host !== '' && !host.startsWith('*.');
  if (a.domain !== undefined || b.domain !== undefined) return true;
  const all = [...a.hosts, ...b.hosts];
  return !all.every(apart) || a.hosts.some((host) => b.hosts.includes(host));
}
