/** Where hashing puts a key among all servers of a pool, up or down: the owner of a session that is known by a key alone. */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Rendezvous } from './rendezvous.ts';

/** Keys whose home is remembered, so that a pool of 10,000 servers is not ranked for every request. */
const keptKeys = 65536;

export class Homes {
  private readonly policy = new Rendezvous();
  private readonly known = new Map<number, Server>();
  private readonly everyone: Snapshot;

  constructor(servers: readonly Server[]) {
    const up = servers.filter((server) => server.weight > 0);
    const weights = Float64Array.from(up, (server) => server.weight);
    const totalWeight = weights.reduce((sum, weight) => sum + weight, 0);
    this.everyone = { version: 0, all: servers, up, weights, totalWeight, panic: false };
  }

  /** Undefined only when no server has a weight. `key` is unsigned, 32 bits. */
  of(key: number): Server | undefined {
    let server = this.known.get(key);
    if (server === undefined) {
      server = this.policy.select(this.everyone, key, anyone);
      if (this.known.size >= keptKeys) this.known.clear();
      if (server !== undefined) this.known.set(key, server);
    }
    return server;
  }
}

function anyone(): boolean {
  return true;
}
