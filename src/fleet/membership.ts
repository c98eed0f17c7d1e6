/**
 * The difference between the servers that a fleet has and those that it is to have: who leaves, who joins, and who stays with
 * another weight or cap. It is worked out first, which may fail, and applied later (`Fleet.applyMembership`), which cannot.
 */
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.ts';
import type { Address } from '../net/socket.ts';
import type { ChangedServer, Fleet, MembershipChange } from './fleet.ts';
import type { Server, ServerOptions } from './server.ts';

/** A server as the config has it. */
export interface Member extends ServerOptions {
  /** `Server.slot`. */
  readonly slot: number;
}

/**
 * What makes the servers of `fleet` those of `members`, in whatever order. A server with another address, under the same name
 * or not, is another server: the one leaves and the other joins. Changes nothing yet.
 *
 * Throws UsageError when a name is given twice, or when two servers have the same id.
 */
export function planMembership(
  fleet: Fleet,
  members: readonly Member[],
  create: (member: Member) => Server,
): MembershipChange {
  const added: Server[] = [];
  const changed: ChangedServer[] = [];
  const staying = new Set<Server>();
  const slots = new Set<number>();
  for (const member of members) {
    if (slots.has(member.slot)) throw new UsageError(`two servers are named "${member.name}": give each its own name`);
    slots.add(member.slot);
    const server = fleet.at(member.slot);
    if (server === undefined || server.name !== member.name || !isSameAddress(server.address, member.address)) {
      added.push(create(member));
      continue;
    }
    staying.add(server);
    const { weight, maxRequests } = member;
    if (weight !== server.weight || maxRequests !== server.maxRequests) changed.push({ server, weight, maxRequests });
  }
  const removed = fleet.servers.filter((server) => !staying.has(server));
  refuseEqualIds(fleet, staying, added);
  return { removed, added, changed };
}

/** Two configs of a pool that have everything in common but their servers: a running pool need not be made anew. */
export function differOnlyInServers<Pool extends { readonly servers: unknown }>(a: Pool, b: Pool): boolean {
  return isDeepStrictEqual({ ...a, servers: null }, { ...b, servers: null });
}

export function changesNothing({ removed, added, changed }: MembershipChange): boolean {
  return removed.length + added.length + changed.length === 0;
}

function isSameAddress(a: Address, b: Address): boolean {
  if (a.kind === 'unix') return b.kind === 'unix' && a.path === b.path;
  return b.kind === 'tcp' && a.port === b.port && a.host === b.host;
}

/** One pool of 10,000 servers in five million has two with one id. */
function refuseEqualIds(fleet: Fleet, staying: ReadonlySet<Server>, added: readonly Server[]): void {
  const owners = new Map<number, Server>();
  for (const server of added) {
    for (const id of server.allIds) {
      const known = fleet.find(id);
      const owner = owners.get(id) ?? (known !== undefined && staying.has(known) ? known : server);
      if (owner !== server) {
        throw new UsageError(
          `the servers "${owner.name}" and "${server.name}" happen to get the same id: rename one of them`,
        );
      }
      owners.set(id, server);
    }
  }
}
