/**
 * The effective config as lines for `log.level: debug`: after files, environment, options and defaults. No keys, secrets or
 * URLs.
 */

import type { LimpetOptions, PoolAffinity, PoolOptions } from '../config/options.ts';
import { formatAddress } from '../net/socket.ts';
import { schemeOf } from '../store/addresses.ts';

/** The most servers of one pool that are listed. */
const mostServers = 20;

export function configLines(options: LimpetOptions): string[] {
  const { listeners, pools, routes, sessions, keys, workers, stateDir } = options;
  const store = sessions === null ? 'no copies of sessions' : `copies of sessions: ${schemeOf(sessions.store)}`;
  const signed = keys.length === 0 ? 'a key of stateDir' : `${keys.length} of its keys`;
  return [
    `config: ${workers} workers, state in ${stateDir}, tokens signed with ${signed}, ${store}`,
    ...listeners.map(
      (one) => `config: listener ${formatAddress(one.address)}, ${one.trustedProxies.length} trusted proxies`,
    ),
    ...pools.map((pool) => `config: pool ${pool.name}: ${poolLine(pool)}`),
    ...routes.map(({ match, pool, affinity }) => {
      const opted = affinity ? '' : ', without affinity';
      return `config: requests with ${JSON.stringify(match)} go to pool ${pool}${opted}`;
    }),
  ];
}

function poolLine({ servers, balance, affinity, health, retry }: PoolOptions): string {
  const named = servers.slice(0, mostServers).map(({ name, address, weight }) => {
    return `${name} ${formatAddress(address)}${weight === 1 ? '' : ` weight ${weight}`}`;
  });
  const more = servers.length > named.length ? ` and ${servers.length - named.length} more` : '';
  const checks =
    health.active === null
      ? 'no checks'
      : `checks ${health.active.http?.path ?? 'by TCP'} each ${health.active.interval} ms`;
  const kinds = affinity.length === 0 ? 'none' : affinity.map(affinityName).join(', ');
  return `${named.join(', ')}${more}; ${balance}; affinity ${kinds}; ${checks}; ${retry.attempts} attempts`;
}

function affinityName(affinity: PoolAffinity): string {
  return 'name' in affinity ? `${affinity.type} ${affinity.name}` : affinity.type;
}
