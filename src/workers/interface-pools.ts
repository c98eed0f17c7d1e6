/**
 * Which servers may come to the store interface: those of the config, and one that has left it for as long as requests run there
 * that began before. Else it would be told that it is unknown, in the middle of a request, and the request would fail.
 */
import type { InterfacePlace, InterfacePool } from '../admin/store-interface.ts';
import type { Load } from '../fleet/load.ts';

/** Seconds for which one that has left may come after its last exchange: its app may have something to keep after the response. */
const grace = 60;

interface Departed extends InterfacePlace {
  /** When it had an exchange last, seconds; at first when it left. */
  busy: number;
}

export class InterfacePools {
  private readonly load: Pick<Load, 'running'>;
  /** Seconds that never go back. */
  private readonly now: () => number;
  private pools: ReadonlyMap<string, InterfacePool> = new Map();
  /** By pool and slot: a slot is nobody else's as long as the server is here (table/numbers.ts), so there are no more than slots. */
  private readonly departed = new Map<string, Departed>();

  constructor(load: Pick<Load, 'running'>, now: () => number) {
    this.load = load;
    this.now = now;
  }

  /** The pools of the config from now on. */
  follow(pools: ReadonlyMap<string, InterfacePool>): void {
    const before = this.pools;
    this.pools = pools;
    for (const [name, pool] of before) {
      for (const [slot, server] of pool.servers) {
        if (!this.isConfigured(name, slot)) this.departed.set(keyOf(name, slot), { pool, server, busy: this.now() });
      }
    }
    for (const [name, pool] of pools) for (const slot of pool.servers.keys()) this.departed.delete(keyOf(name, slot));
    this.forget();
  }

  find(name: string, slot: number): InterfacePlace | undefined {
    const pool = this.pools.get(name);
    const server = pool?.servers.get(slot);
    if (pool !== undefined && server !== undefined) return { pool, server };
    const gone = this.departed.get(keyOf(name, slot));
    if (gone === undefined || this.isOver(gone)) return undefined;
    // The pool of today, if there is one, knows the owners of today.
    return { pool: pool ?? gone.pool, server: gone.server };
  }

  /** A server of that slot, which has left the config, may still come: nobody else may have the slot. */
  expects(slot: number): boolean {
    for (const gone of this.departed.values()) if (gone.server.slot === slot && !this.isOver(gone)) return true;
    return false;
  }

  /** Lets go of those whose time is over; to be called every second or so. */
  forget(): void {
    for (const [key, gone] of this.departed) if (this.isOver(gone)) this.departed.delete(key);
  }

  private isOver(gone: Departed): boolean {
    if (this.load.running(gone.server.slot) > 0) gone.busy = this.now();
    return this.now() - gone.busy >= grace;
  }

  isConfigured(name: string, slot: number): boolean {
    return this.pools.get(name)?.servers.has(slot) === true;
  }
}

function keyOf(pool: string, slot: number): string {
  return `${slot} ${pool}`;
}
