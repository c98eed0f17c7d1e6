/**
 * The one place where the servers of a pool are made from its options. Three parts have a fleet of each pool: a worker, to
 * choose servers for requests; the health monitor, to judge them; the store service, to know which server a request of the
 * store interface comes from. All three agree on slots, which the supervisor gives out.
 */
import type { PoolOptions } from '../config/options.ts';
import { Fleet } from '../fleet/fleet.ts';
import { idSecret, serverIds } from '../fleet/id.ts';
import type { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import { type Numbers, poolName, serverName } from '../shared/slots.ts';

export interface FleetDependencies {
  readonly load: Load;
  readonly numbers: Numbers;
  /** Token keys: each gives every server an id, by which tokens and stores name it. None: no token is read here. */
  readonly keys: readonly Buffer[];
}

export function createFleet(options: PoolOptions, { load, numbers: { slots }, keys }: FleetDependencies): Fleet {
  const names = options.servers.map((server) => server.name);
  const [ids, ...older] = keys.map((key) => serverIds(names, idSecret(options.name, key)));
  const servers = options.servers.map(
    (server, i) => new Server(server, i, ids?.[i] ?? i + 1, load, slots.get(serverName(options.name, server.name))),
  );
  const fleet = new Fleet(servers, options.health, load, slots.get(poolName(options.name)));
  for (const aliases of older) for (const [i, id] of aliases.entries()) fleet.alias(id, servers[i]!);
  return fleet;
}
