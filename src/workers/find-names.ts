/** The resolver of this process, with what the system gives it. */
import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { QueryDependencies, Reply } from '../discovery/dns-query.ts';
import { Resolver, type ResolverSettings } from '../discovery/resolver.ts';

export function findNames(
  deps: Pick<QueryDependencies, 'net' | 'timers'>,
): (name: string, settings: ResolverSettings) => Promise<Reply> {
  const resolver = new Resolver({
    ...deps,
    randomId: () => randomInt(0x10000),
    lookUp: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  });
  return (name, settings) => resolver.find(name, settings);
}
