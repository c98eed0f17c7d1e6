/** The events of servers that join and leave pools, or get another weight or limit: by a config, the API, or a name with other addresses. */
import type { PoolOptions, PoolServer } from '../config/options.ts';
import type { EventPublisher } from '../events/bus.ts';
import { identityOf } from '../fleet/server.ts';
import { formatAddress } from '../net/socket.ts';

/** A server that has another address under the same name is another server: the one leaves, the other joins. */
export function publishMembership(
  before: readonly PoolOptions[],
  after: readonly PoolOptions[],
  events: EventPublisher,
): void {
  const former = serversOf(before);
  const current = serversOf(after);
  for (const [key, { pool, server }] of former) {
    if (current.has(key)) continue;
    events.publish('server.removed', { pool, server: server.name, address: formatAddress(server.address) });
  }
  for (const [key, { pool, server }] of current) {
    const known = former.get(key)?.server;
    const { name, weight, maxRequests } = server;
    if (known === undefined) {
      events.publish('server.added', { pool, server: name, address: formatAddress(server.address) });
    } else if (known.weight !== weight || known.maxRequests !== maxRequests) {
      events.publish('server.changed', { pool, server: name, weight, maxRequests });
    }
  }
}

/** The servers of all pools, by pool, name and address. */
function serversOf(pools: readonly PoolOptions[]): Map<string, { readonly pool: string; readonly server: PoolServer }> {
  return new Map(
    pools.flatMap(({ name: pool, servers }) =>
      servers.map((server) => [`${pool}/${identityOf(server)}`, { pool, server }] as const),
    ),
  );
}
