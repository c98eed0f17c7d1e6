/**
 * The servers as the policies that choose by hash need them: in the order of their ids, with their configured
 * weights. Neither the order in the config nor a slow start moves a key, and all balancer nodes agree.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { seedOf } from './hash.ts';

export class HashedServers {
  servers: readonly Server[] = [];
  weights = new Float64Array(0);
  /** What stands for each server in a hash. */
  seeds = new Int32Array(0);
  private snapshot: Snapshot | null = null;

  /** Follows the snapshot. True when other servers are up than before or their configured weights have changed. */
  refresh(snapshot: Snapshot): boolean {
    const before = this.snapshot;
    if (snapshot === before) return false;
    this.snapshot = snapshot;
    const same = before !== null && snapshot.membership === before.membership && sameServers(snapshot.up, before.up);
    if (same) return false;
    this.servers = snapshot.up.toSorted((a, b) => a.id - b.id);
    this.weights = Float64Array.from(this.servers, (server) => server.weight);
    this.seeds = Int32Array.from(this.servers, (server) => seedOf(server.id));
    return true;
  }
}

function sameServers(a: readonly Server[], b: readonly Server[]): boolean {
  return a.length === b.length && a.every((server, at) => server === b[at]);
}
