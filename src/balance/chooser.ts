/**
 * Chooses a server for a session that is nobody's: the pool's policy proposes, and this file says who is
 * usable now: not tried before, below its cap, within the bound on load.
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

  // The question asked of `accept` now. Fields and one function, so that a choice makes no closure.
  private tried: readonly Server[] | null = null;
  private caps = true;
  private bound = false;
  private onlyUp = false;
  /** Whether the bound, or a look of being down, was the only thing that spoke against some server. */
  private overBound = false;
  private looksDown = false;

  constructor(policy: Policy, fleet: Fleet, options: ChooserOptions) {
    this.policy = policy;
    this.fleet = fleet;
    this.maxLoad = options.maxLoad;
  }

  /**
   * A server for the session with this key (unsigned, 32 bits), or undefined when none is left that has room:
   * `busy` then says why. `tried`: the servers that failed this exchange already; null at the first attempt.
   */
  choose(key: number, tried: readonly Server[] | null): Server | undefined {
    return this.ask(key, tried, true);
  }

  /** As `choose`, but a full server counts too: the one to queue for. */
  chooseQueue(key: number, tried: readonly Server[] | null): Server | undefined {
    return this.ask(key, tried, false);
  }

  /** Some server that was not tried lacks nothing but room: wait for it. False: there is nothing to wait for. */
  busy(tried: readonly Server[] | null): boolean {
    for (const server of this.fleet.snapshot.up) {
      if (!server.hasRoom && (tried === null || !tried.includes(server))) return true;
    }
    return false;
  }

  private ask(key: number, tried: readonly Server[] | null, caps: boolean): Server | undefined {
    const { snapshot } = this.fleet;
    if (snapshot !== this.snapshot) this.refresh(snapshot);
    this.tried = tried;
    this.caps = caps;
    this.bound = this.maxLoad > 0;
    // In panic the first attempt believes nobody to be down; that one failed, so now health is worth a hint.
    this.onlyUp = snapshot.panic && tried !== null;
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
    this.tried = null;
    return server;
  }

  private readonly accept: Accept = (server) => {
    if (this.tried?.includes(server)) return false;
    if (this.caps && !server.hasRoom) return false;
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
