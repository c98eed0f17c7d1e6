/**
 * The servers that may use the store interface: those of the config, and for a while those that have left it. A server that has
 * left may still have open requests, and these would fail if it were refused as unknown.
 */
import type { InterfacePool, InterfaceTarget } from '../admin/store-interface.ts';
import type { Load } from '../fleet/load.ts';

/** A server that has left may come for this long (s) after its last exchange: its app may store something after the response. */
const graceSeconds = 60;

interface Departed extends InterfaceTarget {
  /** Seconds at which it had an exchange last; at first, at which it left. */
  busyAt: number;
}

export class InterfacePools {
  private readonly load: Pick<Load, 'running'>;
  /** Monotonic seconds. */
  private readonly now: () => number;
  private pools: ReadonlyMap<string, InterfacePool> = new Map();
  /** By pool and slot. As long as a server is listed here its slot is given to no other (table/numbers.ts), so the map is bounded. */
  private readonly departed = new Map<string, Departed>();

  constructor(load: Pick<Load, 'running'>, now: () => number) {
    this.load = load;
    this.now = now;
  }

  /** Another config: these are its pools. */
  follow(pools: ReadonlyMap<string, InterfacePool>): void {
    const before = this.pools;
    this.pools = pools;
    for (const [name, pool] of before) {
      for (const [slot, server] of pool.servers) {
        if (!this.isConfigured(name, slot)) this.departed.set(keyOf(name, slot), { pool, server, busyAt: this.now() });
      }
    }
    for (const [name, pool] of pools) for (const slot of pool.servers.keys()) this.departed.delete(keyOf(name, slot));
    this.forget();
  }

  /** A pool of the newest config. */
  named(name: string): InterfacePool | undefined {
    return this.pools.get(name);
  }

  find(name: string, slot: number): InterfaceTarget | undefined {
    const pool = this.pools.get(name);
    const server = pool?.servers.get(slot);
    if (pool !== undefined && server !== undefined) return { pool, server };
    const gone = this.departed.get(keyOf(name, slot));
    if (gone === undefined || this.isOver(gone)) return undefined;
    // The pool of the newest config, if it still exists, knows the newest owners.
    return { pool: pool ?? gone.pool, server: gone.server };
  }

  /** A server that has left the config may still come: its slot must not be given to another one. */
  expects(slot: number): boolean {
    for (const gone of this.departed.values()) if (gone.server.slot === slot && !this.isOver(gone)) return true;
    return false;
  }

  /** Removes servers whose time is over. To be called about once a second. */
  forget(): void {
    for (const [key, gone] of this.departed) if (this.isOver(gone)) this.departed.delete(key);
  }

  private isOver(gone: Departed): boolean {
    if (this.load.running(gone.server.slot) > 0) gone.busyAt = this.now();
    return this.now() - gone.busyAt >= graceSeconds;
  }

  isConfigured(name: string, slot: number): boolean {
    return this.pools.get(name)?.servers.has(slot) === true;
  }
}

function keyOf(pool: string, slot: number): string {
  return `${slot} ${pool}`;
}
