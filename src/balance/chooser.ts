/**
 * Chooses a server for a session that is nobody's: the pool's policy proposes, and this file says who is
 * usable now: not excluded, below its cap, within the bound on load.
 */
import type { Fleet, Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { withinBound } from './bounded.ts';
import type { Accept, Policy } from './policy.ts';

export interface ChooserOptions {
  /** No server above this multiple of the mean load for its weight (at least 1); 0 for no bound. */
  readonly maxLoad: number;
}

export class Chooser {
  private readonly policy: Policy;
  private readonly fleet: Fleet;
  private readonly maxLoad: number;
  private snapshot: Snapshot | null = null;
  /** Sum of the configured weights of the servers that are up: a slow start does not shrink the others' bounds. */
  private totalWeight = 0;

  // What `accept` goes by now. Fields and one function, so that a choice makes no closure.
  private excluded: readonly Server[] | null = null;
  private bound = false;
  private onlyUp = false;
  /** Some server was refused only because of the bound, or only because it looks down. */
  private overBound = false;
  private looksDown = false;

  constructor(policy: Policy, fleet: Fleet, options: ChooserOptions) {
    this.policy = policy;
    this.fleet = fleet;
    this.maxLoad = options.maxLoad;
  }

  /**
   * A server for the session with this key (unsigned, 32 bits), or undefined when none is left that has room:
   * `lacksRoom` then says why. `excluded`: servers that may not be chosen, such as those that failed this exchange already;
   * null at the first attempt.
   */
  choose(key: number, excluded: readonly Server[] | null): Server | undefined {
    const { snapshot } = this.fleet;
    if (snapshot !== this.snapshot) this.refresh(snapshot);
    this.excluded = excluded;
    this.bound = this.maxLoad > 0;
    // In panic the first attempt believes nobody to be down; that one failed, so now health is worth a hint.
    this.onlyUp = snapshot.panic && excluded !== null;
    this.overBound = false;
    this.looksDown = false;
    let server = this.policy.select(snapshot, key, this.accept);
    if (server === undefined && this.overBound) {
      this.bound = false;
      server = this.policy.select(snapshot, key, this.accept);
    }
    if (server === undefined && this.looksDown) {
      this.onlyUp = false;
      server = this.policy.select(snapshot, key, this.accept);
    }
    this.excluded = null;
    return server;
  }

  /** Some server that is not excluded lacks nothing but room: wait for it. False: there is nothing to wait for. */
  lacksRoom(excluded: readonly Server[] | null): boolean {
    for (const server of this.fleet.snapshot.up) {
      if (!server.hasRoom && (excluded === null || !excluded.includes(server))) return true;
    }
    return false;
  }

  private readonly accept: Accept = (server) => {
    if (this.excluded?.includes(server)) return false;
    if (!server.hasRoom) return false;
    if (this.onlyUp && server.state !== 'up') {
      this.looksDown = true;
      return false;
    }
    if (
      this.bound &&
      !withinBound(server.inflight, server.weight, this.fleet.inflight, this.totalWeight, this.maxLoad)
    ) {
      this.overBound = true;
      return false;
    }
    return true;
  };

  private refresh(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.totalWeight = snapshot.up.reduce((sum, server) => sum + server.weight, 0);
  }
}
