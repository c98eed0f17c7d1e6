/** With `resolve: all` each address of a name is a server of its own: what a config becomes when its names are looked up. */
import { isIP } from 'node:net';
import type { LimpetOptions, PoolServer } from '../config/options.ts';
import type { NamedAddresses } from './names.ts';

/** The pools with such servers in place of those that the config names. */
export function resolveServers(pools: LimpetOptions['pools'], addresses: NamedAddresses): LimpetOptions['pools'] {
  return pools.map((pool) => {
    if (!pool.servers.some(isForAll)) return pool;
    return { ...pool, servers: pool.servers.flatMap((server) => serversOf(server, addresses)) };
  });
}

function isForAll({ address, resolve }: PoolServer): boolean {
  return resolve === 'all' && address.kind === 'tcp' && isIP(address.host) === 0;
}

/** By name and address, so that a session finds its server again whatever the order of the answer, and on every node. */
function serversOf(server: PoolServer, addresses: NamedAddresses): PoolServer[] {
  const { address, name } = server;
  if (!isForAll(server) || address.kind === 'unix') return [server];
  const found = addresses.get(address.host) ?? [];
  // A pool is never empty, and whoever asks hears why there is nobody: the name has no address.
  if (found.length === 0) return [server];
  return found.map((host) => ({
    ...server,
    name: `${name}@${host}`,
    address: { ...address, host, name: address.host },
  }));
}
