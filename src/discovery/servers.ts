/** Replaces servers with `resolve: all`: each address of their host name becomes a server of its own. */
import { isIP } from 'node:net';
import type { LimpetOptions, PoolServer } from '../config/options.ts';
import type { NamedAddresses } from './names.ts';

/** The pools with the servers that their host names resolve to. */
export function resolveServers(pools: LimpetOptions['pools'], addresses: NamedAddresses): LimpetOptions['pools'] {
  return pools.map((pool) => {
    if (!pool.servers.some(isForAll)) return pool;
    return { ...pool, servers: pool.servers.flatMap((server) => serversOf(server, addresses)) };
  });
}

function isForAll({ address, resolve }: PoolServer): boolean {
  return resolve === 'all' && address.kind === 'tcp' && isIP(address.host) === 0;
}

/**
 * Servers are named by host name and address, so that a session finds its server in any order of the addresses, and on every
 * node.
 */
function serversOf(server: PoolServer, addresses: NamedAddresses): PoolServer[] {
  const { address, name } = server;
  if (!isForAll(server) || address.kind === 'unix') return [server];
  const found = addresses.get(address.host) ?? [];
  // Without addresses the server stays as it is: a pool is never empty, and connections fail with the reason.
  if (found.length === 0) return [server];
  return found.map((host) => ({
    ...server,
    name: `${name}@${host}`,
    address: { ...address, host, name: address.host },
  }));
}
