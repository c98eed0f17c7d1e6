/**
 * The one place where the servers of a pool are made from its options. Three parts have a fleet of each pool: a worker, to
 * choose servers for requests; the health monitor, to judge them; the store service, to know which server a request of the
 * store interface comes from. All three agree on slots, which the supervisor gives out.
 */
import type { PoolOptions } from '../config/options.ts';
import { Fleet, type MembershipChange } from '../fleet/fleet.ts';
import { idSecret, serverId } from '../fleet/id.ts';
import type { Load } from '../fleet/load.ts';
import { planMembership } from '../fleet/membership.ts';
import { Server } from '../fleet/server.ts';
import { type Numbers, poolName, serverName } from '../shared/slots.ts';

export interface FleetDependencies {
  readonly load: Load;
  readonly numbers: Numbers;
  /** Token keys: each gives every server an id, by which tokens and stores name it. None: no token is read here. */
  readonly keys: readonly Buffer[];
}

/** Throws UsageError when two servers have the same id. */
export function createFleet(options: PoolOptions, deps: FleetDependencies): Fleet {
  const fleet = new Fleet([], options.health, deps.load, deps.numbers.slots.get(poolName(options.name)));
  fleet.applyMembership(planServers(fleet, options, deps), 0);
  return fleet;
}

/** The change that gives a fleet the servers of other options of its pool. Throws UsageError when two servers have the same id. */
export function planServers(
  fleet: Fleet,
  { name: pool, servers }: PoolOptions,
  { load, numbers: { slots }, keys }: FleetDependencies,
): MembershipChange {
  const members = servers.map((server) => ({ ...server, slot: slots.get(serverName(pool, server.name)) ?? 0 }));
  const secrets = keys.map((key) => idSecret(pool, key));
  return planMembership(fleet, members, (member) => {
    const [id = member.slot, ...formerIds] = secrets.map((secret) => serverId(member.name, secret));
    return new Server(member, id, member.slot, load, formerIds);
  });
}
