/**
 * Of two servers drawn at random the one with less load for its weight (Mitzenmacher, "The power of two
 * choices in randomized load balancing", 2001). Constant time, and balancers that know only their own
 * requests do not all run to the same idle server.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Accept, Policy, PolicyDescriptor, PolicyOptions } from './policy.ts';
import { Sampler } from './sampler.ts';

export const twoChoices = {
  name: 'two-choices',
  create: (options) => new TwoChoices(options),
} as const satisfies PolicyDescriptor;

export class TwoChoices implements Policy {
  readonly name = 'two-choices';
  private readonly sampler: Sampler;

  constructor(options: PolicyOptions) {
    this.sampler = new Sampler(options);
  }

  select(snapshot: Snapshot, _key: number, accept: Accept): Server | undefined {
    const { up, weights } = snapshot;
    if (up.length === 0) return undefined;
    let better = this.sampler.draw(snapshot);
    let other = better;
    if (up.length > 1) {
      other = this.sampler.drawOther(snapshot, better);
      if ((up[other]!.inflight + 1) * weights[better]! < (up[better]!.inflight + 1) * weights[other]!) {
        const swap = better;
        better = other;
        other = swap;
      }
    }
    if (accept(up[better]!)) return up[better];
    if (other !== better && accept(up[other]!)) return up[other];
    return this.sampler.rest(snapshot, better, other, accept);
  }
}
