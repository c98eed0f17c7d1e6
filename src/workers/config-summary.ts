/** What differs between two configs, in a line for people: "pool shop: s3 added; routes changed". Names only, no secrets. */
import { isDeepStrictEqual } from 'node:util';
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import { identityOf } from '../fleet/server.ts';

/** The most changes, and the most servers of a change, that are named. */
const mostChanges = 10;
const mostNames = 5;

/** '' is never returned: a config that is the same says so. */
export function summarizeChange(before: LimpetOptions, after: LimpetOptions): string {
  const changes = [...poolChanges(before.pools, after.pools), ...fieldChanges(before, after)];
  if (changes.length === 0) return 'nothing has changed';
  const more = changes.length - mostChanges;
  return changes.slice(0, mostChanges).join('; ') + (more > 0 ? `; and ${more} more changes` : '');
}

function poolChanges(before: readonly PoolOptions[], after: readonly PoolOptions[]): string[] {
  const former = new Map(before.map((pool) => [pool.name, pool]));
  const current = new Set(after.map(({ name }) => name));
  return [
    ...before.filter(({ name }) => !current.has(name)).map(({ name }) => `pool ${name} removed`),
    ...after.flatMap((pool) => {
      const known = former.get(pool.name);
      if (known === undefined) return [`pool ${pool.name} added`];
      const changes = poolChange(known, pool);
      return changes.length === 0 ? [] : [`pool ${pool.name}: ${changes.join(', ')}`];
    }),
  ];
}

function poolChange(before: PoolOptions, after: PoolOptions): string[] {
  const former = new Map(before.servers.map((server) => [identityOf(server), server]));
  const current = new Map(after.servers.map((server) => [identityOf(server), server]));
  const removed = before.servers.filter((server) => !current.has(identityOf(server)));
  const added = after.servers.filter((server) => !former.has(identityOf(server)));
  const changed = after.servers.filter((server) => {
    const known = former.get(identityOf(server));
    return known !== undefined && !isDeepStrictEqual(known, server);
  });
  const fields = differingFields(before, after).filter((field) => field !== 'servers');
  return [
    ...named(removed, 'removed'),
    ...named(added, 'added'),
    ...named(changed, 'changed'),
    ...(fields.length > 0 ? [`${fields.join(', ')} changed`] : []),
  ];
}

function named(servers: PoolOptions['servers'], what: string): string[] {
  if (servers.length === 0) return [];
  const names = servers.slice(0, mostNames).map(({ name }) => name);
  const more = servers.length - names.length;
  return [`${names.join(', ')}${more > 0 ? ` and ${more} more` : ''} ${what}`];
}

function fieldChanges(before: LimpetOptions, after: LimpetOptions): string[] {
  return differingFields(before, after)
    .filter((field) => field !== 'pools')
    .map((field) => `${field} changed`);
}

function differingFields<Options extends object>(before: Options, after: Options): string[] {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<string & keyof Options>;
  return [...fields].filter((field) => !isDeepStrictEqual(before[field], after[field]));
}
