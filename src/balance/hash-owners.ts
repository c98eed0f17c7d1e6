/** Where hashing puts a key among all servers of a pool, up or down: the owner of a session that is known by a key alone. */
import type { Fleet, Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Rendezvous } from './rendezvous.ts';

/** Keys whose owner is remembered, so that a pool of 10,000 servers is not ranked for every request. */
const maxKnown = 65536;

export class HashOwners {
  private readonly policy = new Rendezvous();
  private readonly fleet: Fleet;
  private readonly known = new Map<number, Server>();
  /** All servers with a weight, as if they were up. */
  private everyone: Snapshot;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.everyone = everyoneOf(fleet.snapshot);
  }

  /** Undefined only when no server has a weight. `key` is unsigned, 32 bits. */
  of(key: number): Server | undefined {
    const { snapshot } = this.fleet;
    if (snapshot.membership !== this.everyone.membership) {
      this.everyone = everyoneOf(snapshot);
      this.known.clear();
    }
    let server = this.known.get(key);
    if (server === undefined) {
      server = this.policy.select(this.everyone, key, anyone);
      if (this.known.size >= maxKnown) this.known.clear();
      if (server !== undefined) this.known.set(key, server);
    }
    return server;
  }
}

function everyoneOf({ all, membership }: Snapshot): Snapshot {
  const up = all.filter((server) => server.weight > 0);
  const weights = Float64Array.from(up, (server) => server.weight);
  const totalWeight = weights.reduce((sum, weight) => sum + weight, 0);
  return { version: 0, membership, all, up, weights, totalWeight, panic: false };
}

function anyone(): boolean {
  return true;
}
