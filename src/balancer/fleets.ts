/**
 * The one place where the servers of a pool are made from its options. Three parts have a fleet of each pool: a worker, to
 * choose servers for requests; the health monitor, to judge them; the store service, to know which server a request of the
 * store interface comes from. All three agree on slots, which the supervisor gives out.
 */
import type { LimpetOptions, PoolOptions } from '../config/options.ts';
import { Fleet, type MembershipChange } from '../fleet/fleet.ts';
import { idSecret, serverId } from '../fleet/id.ts';
import type { Load } from '../fleet/load.ts';
import { planMembership } from '../fleet/membership.ts';
import { Server, type ServerIds } from '../fleet/server.ts';
import { type Numbers, poolName, serverName } from '../shared/slots.ts';
import { parseRedis } from '../store/redis-address.ts';

export interface FleetDependencies {
  readonly load: Load;
  readonly numbers: Numbers;
  /** null: neither tokens nor stores are read here. */
  readonly idKeys: IdKeys | null;
}

/** From which keys the ids of servers are made (fleet/server.ts). */
export interface IdKeys {
  /** Of `tokenId` is the first; ids under the others are known, too. */
  readonly tokens: readonly Buffer[];
  /** Of `id` and `storeId`. */
  readonly hash: Buffer;
  readonly store: Buffer;
}

/**
 * `secret`: of the fleet, which all its nodes have, or of this balancer alone. Without a fleet, balancers that have the same token keys place by hash
 * alike, and may use the same Redis.
 */
export function idKeysOf(
  { keys, fleet, sessions }: Pick<LimpetOptions, 'keys' | 'fleet' | 'sessions'>,
  secret: Buffer,
): IdKeys {
  const shared = fleet === null ? keys[0]! : secret;
  const isInRedis = sessions !== null && parseRedis(sessions.store) !== null;
  return { tokens: keys, hash: shared, store: isInRedis ? shared : secret };
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
  { load, numbers: { slots }, idKeys }: FleetDependencies,
): MembershipChange {
  const members = servers.map((server) => ({ ...server, slot: slots.get(serverName(pool, server.name)) ?? 0 }));
  const idsOf = idKeys === null ? null : idsUnder(pool, idKeys);
  return planMembership(fleet, members, (member) => {
    const { name, slot } = member;
    const ids = idsOf?.(name);
    return new Server(member, ids?.id ?? slot, slot, load, ids);
  });
}

function idsUnder(pool: string, { tokens, hash, store }: IdKeys): (server: string) => ServerIds {
  const [byHash, byStore, ...byToken] = [hash, store, ...tokens].map((key) => idSecret(pool, key));
  return (server) => {
    const [tokenId, ...formerIds] = byToken.map((secret) => serverId(server, secret));
    return { id: serverId(server, byHash!), tokenId: tokenId!, storeId: serverId(server, byStore!), formerIds };
  };
}
