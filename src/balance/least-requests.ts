/**
 * The server with the fewest exchanges in flight for its weight: the least (inflight + 1) / weight.
 *
 * Servers take weighted turns, and a server that is idle at its turn is chosen without looking further: idle
 * servers share by weight, where the formula alone would send every lone request to the heaviest. Otherwise the
 * servers are compared: all of them up to `window`, in larger pools the next `window` in rotation, so that
 * the cost stays flat and every server is still looked at once in n / window picks.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Heap } from './heap.ts';
import type { Accept, Policy, PolicyDescriptor, PolicyOptions } from './policy.ts';
import { RoundRobin } from './round-robin.ts';

/** Servers compared for one pick. */
export const window = 256;

export const leastRequests = {
  name: 'least-requests',
  create: (options) => new LeastRequests(options),
} as const satisfies PolicyDescriptor;

export class LeastRequests implements Policy {
  readonly name = 'least-requests';
  private readonly turns: RoundRobin;
  /** Where the next comparison begins: behind the last pick, so that servers with equal load take turns. */
  private cursor = 0;
  private ranking = new Heap(0);

  constructor(options: PolicyOptions) {
    this.turns = new RoundRobin(options);
  }

  select(snapshot: Snapshot, _key: number, accept: Accept): Server | undefined {
    const { up } = snapshot;
    if (up.length === 0) return undefined;
    let best = this.turns.turn(snapshot);
    if (up[best]!.inflight > 0) best = this.compare(snapshot);
    const server = up[best]!;
    if (accept(server)) return server;
    return this.rest(snapshot, best, accept);
  }

  private compare({ up, weights }: Snapshot): number {
    const size = up.length;
    let at = this.cursor < size ? this.cursor : 0;
    let best = at;
    let load = up[at]!.inflight + 1;
    let weight = weights[at]!;
    for (let looked = Math.min(size, window); looked > 1; looked--) {
      if (++at === size) at = 0;
      const nextLoad = up[at]!.inflight + 1;
      if (nextLoad * weight < load * weights[at]!) {
        best = at;
        load = nextLoad;
        weight = weights[at]!;
      }
    }
    this.cursor = size > window ? at + 1 : best + 1;
    return best;
  }

  /** The others, least load first. */
  private rest({ up, weights }: Snapshot, first: number, accept: Accept): Server | undefined {
    if (this.ranking.items.length !== up.length) this.ranking = new Heap(up.length);
    const { ranking } = this;
    for (let at = 0; at < up.length; at++) ranking.keys[at] = (up[at]!.inflight + 1) / weights[at]!;
    ranking.build();
    while (ranking.size > 0) {
      const at = ranking.pop();
      if (at !== first && accept(up[at]!)) return up[at];
    }
    return undefined;
  }
}
