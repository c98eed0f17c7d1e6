/** Checks the affinities of a pool: each by itself, and that none of them makes another one useless. */
import type { AffinityReport, IdSource } from '../affinity/descriptor.ts';
import { descriptorOf } from '../affinity/registry.ts';
import { standsForAll } from './address.ts';
import type { AffinityOptions, LimpetOptions, PoolOptions } from './options.ts';
import { type Problem, unknownName, warning } from './problem.ts';

export function checkAffinities(pool: PoolOptions, config: LimpetOptions): Problem[] {
  const { affinity: all, name } = pool;
  const list = ['pools', name, 'affinity'];
  const found: Problem[] = [];
  const last = Array.from(all.entries()).find(([, one]) => descriptorOf(one).recognisesAll);
  if (last !== undefined && last[0] + 1 < all.length) {
    const [index, { type }] = last;
    found.push(warning([...list, index + 1], `never asked: ${type} before it recognises every request`));
  }
  for (const [index, affinity] of all.entries()) {
    descriptorOf(affinity).check?.(affinity, reportOf(affinity, index, pool, config, found));
    const repeated = repeatedSource(affinity, all.slice(0, index));
    if (repeated !== null) found.push(warning([...list, index], repeated));
  }
  return found;
}

function reportOf(
  { type }: AffinityOptions,
  index: number,
  pool: PoolOptions,
  config: LimpetOptions,
  found: Problem[],
): AffinityReport {
  const { affinity: all, name, servers } = pool;
  const entry = ['pools', name, 'affinity', index];
  const report =
    (level: Problem['level']) =>
    (field: readonly string[] | 'entry', text: string): void => {
      const path = field === 'entry' ? entry : [...entry, type, ...field];
      found.push({ level, path, text });
    };
  return {
    config,
    pool,
    index,
    binder: all.findIndex((one) => descriptorOf(one).binds),
    ownCookies: all.flatMap((one) => descriptorOf(one).cookiesOf?.(one).names ?? []),
    serverFlaw(wanted) {
      const server = servers.find((one) => one.name === wanted);
      if (server === undefined)
        return unknownName(
          'server',
          wanted,
          servers.map((one) => one.name),
        );
      if (!standsForAll(server)) return null;
      return `found "${wanted}", expected one server: with resolve: all it is as many as its name has addresses`;
    },
    error: report('error'),
    warning: report('warning'),
  };
}

/** Of two affinities with the same source the second never recognises anything. `checkSharedCookies` compares the cookies that they set. */
function repeatedSource(affinity: AffinityOptions, before: readonly AffinityOptions[]): string | null {
  const own = sourcesOf(affinity);
  for (const [index, earlier] of before.entries()) {
    const same = sourcesOf(earlier).find(({ quoted }) => own.some((source) => source.quoted === quoted));
    if (same !== undefined) return `affinity[${index}] goes by ${same.quoted} already`;
  }
  return null;
}

function sourcesOf(affinity: AffinityOptions): readonly IdSource[] {
  return descriptorOf(affinity).sourcesOf?.(affinity) ?? [];
}
