/**
 * What operators have changed of servers while the balancer runs: states, weights, caps, servers added and removed. It holds beside
 * the config, through reloads and restarts, by these rules:
 *
 *      a state (drain, down)          until another one is said, or the config no longer has the server
 *      a weight or a cap              until another one is said, or the config gives the server another one than it did then
 *      a server that was added        until it is removed, or the config names it: from then on it is the config's
 *      a server that was removed      until it is added, or the config has it no more, or has it at another address
 */
import { isDeepStrictEqual } from 'node:util';
import type { PoolOptions, PoolServer } from '../config/options.ts';
import { serverName } from '../shared/slots.ts';

/** What an operator says of a server. */
export type OperatorState = 'ready' | 'drain' | 'down';

/** A number that holds instead of the config's, as long as the config's is `over`. */
interface Override {
  readonly value: number;
  readonly over: number;
}

/** What was changed of one server. */
export interface KeptChange {
  readonly state?: 'drain' | 'down';
  readonly weight?: Override;
  readonly maxRequests?: Override;
  /** The config does not have it. */
  readonly added?: PoolServer;
  /** The config has it at this address, and it is not used. */
  readonly removed?: PoolServer['address'];
}

export interface ServerEdit {
  readonly state?: OperatorState;
  readonly weight?: number;
  readonly maxRequests?: number;
}

type Pools = readonly PoolOptions[];

/** By `serverName`. Immutable: each edit answers other changes. */
export class KeptChanges {
  static readonly none = new KeptChanges(new Map());

  readonly byServer: ReadonlyMap<string, KeptChange>;

  constructor(byServer: ReadonlyMap<string, KeptChange>) {
    this.byServer = byServer;
  }

  /** The pools of a config with the servers that were added. Host names are looked up after this. */
  withAdded(pools: Pools): Pools {
    return pools.map((pool) => {
      const names = new Set(pool.servers.map(({ name }) => name));
      const added = this.addedTo(pool.name).filter(({ name }) => !names.has(name));
      return added.length === 0 ? pool : { ...pool, servers: [...pool.servers, ...added] };
    });
  }

  /** The same without those that were removed, and with the weights and caps that hold. A pool never loses its last server. */
  applyTo(pools: Pools): Pools {
    if (this.byServer.size === 0) return pools;
    return pools.map((pool) => {
      const left = pool.servers.filter((server) => !this.isRemoved(pool.name, server));
      const servers = (left.length === 0 ? pool.servers : left).map((server) => this.withNumbers(pool.name, server));
      return { ...pool, servers };
    });
  }

  /** The operator's word on the server. */
  stateOf(pool: string, server: string): OperatorState {
    return this.byServer.get(serverName(pool, server))?.state ?? 'ready';
  }

  /** An operator has added it, and the config does not name it. */
  isAdded(pool: string, server: string): boolean {
    return this.byServer.get(serverName(pool, server))?.added !== undefined;
  }

  /** The numbers that the config has for a server in force, or with which it was added. */
  configuredNumbers(
    pool: string,
    { name, weight, maxRequests }: PoolServer,
  ): Pick<PoolServer, 'weight' | 'maxRequests'> {
    const change = this.byServer.get(serverName(pool, name));
    return {
      weight: change?.weight?.value === weight ? change.weight.over : weight,
      maxRequests: change?.maxRequests?.value === maxRequests ? change.maxRequests.over : maxRequests,
    };
  }

  /** `configured`: the server as the config has it, or as it was added. */
  edited(pool: string, configured: PoolServer, { state, weight, maxRequests }: ServerEdit): KeptChanges {
    return this.with(pool, configured.name, (change) => ({
      ...change,
      ...(state !== undefined && { state: state === 'ready' ? undefined : state }),
      ...(weight !== undefined && { weight: overrideOf(weight, configured.weight) }),
      ...(maxRequests !== undefined && { maxRequests: overrideOf(maxRequests, configured.maxRequests) }),
    }));
  }

  /** A server that was removed, and has the same address as before, is the config's again. */
  add(pool: string, server: PoolServer): KeptChanges {
    return this.with(pool, server.name, () => ({ added: server }));
  }

  remove(pool: string, { name, address }: PoolServer): KeptChanges {
    return this.with(pool, name, (change) => (change.added === undefined ? { removed: address } : {}));
  }

  /** Without what does not hold any more under this config: what it says wins. `pools` as it has them after names were looked up. */
  settled(pools: Pools): KeptChanges {
    const servers = new Map(pools.flatMap((pool) => pool.servers.map((one) => [serverName(pool.name, one.name), one])));
    const names = new Set(pools.map(({ name }) => name));
    const kept = new Map<string, KeptChange>();
    for (const [name, change] of this.byServer) {
      const left = settle(change, servers.get(name), names.has(name.slice(0, name.indexOf('/'))));
      if (Object.keys(left).length > 0) kept.set(name, left);
    }
    return new KeptChanges(kept);
  }

  equals({ byServer }: KeptChanges): boolean {
    return isDeepStrictEqual(this.byServer, byServer);
  }

  private addedTo(pool: string): PoolServer[] {
    const prefix = serverName(pool, '');
    return [...this.byServer].flatMap(([name, { added }]) => (name.startsWith(prefix) && added ? [added] : []));
  }

  private isRemoved(pool: string, { name, address }: PoolServer): boolean {
    const removed = this.byServer.get(serverName(pool, name))?.removed;
    return removed !== undefined && isDeepStrictEqual(removed, address);
  }

  private withNumbers(pool: string, server: PoolServer): PoolServer {
    const change = this.byServer.get(serverName(pool, server.name));
    if (change === undefined) return server;
    return {
      ...server,
      weight: numberOf(change.weight, server.weight),
      maxRequests: numberOf(change.maxRequests, server.maxRequests),
    };
  }

  private with(pool: string, server: string, edit: (change: KeptChange) => Record<string, unknown>): KeptChanges {
    const name = serverName(pool, server);
    const edited = Object.entries(edit(this.byServer.get(name) ?? {})).filter(([, value]) => value !== undefined);
    const byServer = new Map(this.byServer);
    if (edited.length === 0) byServer.delete(name);
    else byServer.set(name, Object.fromEntries(edited) as KeptChange);
    return new KeptChanges(byServer);
  }
}

function overrideOf(value: number, over: number): Override | undefined {
  return value === over ? undefined : { value, over };
}

function numberOf(override: Override | undefined, configured: number): number {
  return override?.over === configured ? override.value : configured;
}

/** What still holds of a change; `configured`: the server as the config has it. */
function settle(change: KeptChange, configured: PoolServer | undefined, hasPool: boolean): KeptChange {
  const { state, weight, maxRequests, added, removed } = change;
  if (added !== undefined && configured === undefined) return hasPool ? change : {};
  if (configured === undefined) return {};
  if (removed !== undefined) return isDeepStrictEqual(removed, configured.address) ? { removed } : {};
  return {
    ...(state !== undefined && { state }),
    ...(weight?.over === configured.weight && { weight }),
    ...(maxRequests?.over === configured.maxRequests && { maxRequests }),
  };
}
