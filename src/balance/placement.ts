/**
 * The servers as the policies that place by hash see them: in the order of their ids, with their configured
 * weights. Neither the position in the config nor a slow start moves a key, and all balancer nodes agree.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { seedOf } from './hash.ts';

export class Placement {
  servers: readonly Server[] = [];
  weights = new Float64Array(0);
  /** What stands for each server in a hash. */
  seeds = new Int32Array(0);
  private snapshot: Snapshot | null = null;

  /** Follows the snapshot. True when other servers are up than before, not only at other weights. */
  refresh(snapshot: Snapshot): boolean {
    if (snapshot === this.snapshot) return false;
    const same = this.snapshot !== null && sameServers(snapshot.up, this.snapshot.up);
    this.snapshot = snapshot;
    if (same) return false;
    this.servers = [...snapshot.up].sort((a, b) => a.id - b.id);
    this.weights = Float64Array.from(this.servers, (server) => server.weight);
    this.seeds = Int32Array.from(this.servers, (server) => seedOf(server.id));
    return true;
  }
}

function sameServers(a: readonly Server[], b: readonly Server[]): boolean {
  return a.length === b.length && a.every((server, at) => server === b[at]);
}
