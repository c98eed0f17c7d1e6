/** Finds the server that a person names, for the command line and for programs that run a balancer. */
import { suggest } from '../config/problem.ts';
import { UsageError } from '../errors.ts';
import type { ServerView } from './schemas.ts';

/** By `pool/name`, or by the name alone where only one pool has such a server. Throws UsageError for none and for several. */
export function findServer(servers: readonly ServerView[], wanted: string): ServerView {
  const [found, second] = servers.filter(({ pool, name }) => wanted === `${pool}/${name}` || wanted === name);
  if (found !== undefined && second === undefined) return found;
  const names = servers.map(({ pool, name }) => `${pool}/${name}`);
  if (second !== undefined)
    throw new UsageError(`several pools have a server "${wanted}": name one of ${names.join(', ')}`);
  const near = suggest(wanted, [...names, ...servers.map(({ name }) => name)]);
  const hint = near === undefined ? `expected one of ${names.join(', ')}` : `did you mean "${near}"?`;
  throw new UsageError(`there is no server "${wanted}", ${hint}`);
}
