/** Any server, each in proportion to its weight. No state to keep in step between balancers. */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Accept, Policy, PolicyDescriptor, PolicyOptions } from './policy.ts';
import { Sampler } from './sampler.ts';

export const random = {
  name: 'random',
  create: (options) => new Random(options),
} as const satisfies PolicyDescriptor;

export class Random implements Policy {
  readonly name = 'random';
  private readonly sampler: Sampler;

  constructor(options: PolicyOptions) {
    this.sampler = new Sampler(options);
  }

  select(snapshot: Snapshot, _key: number, accept: Accept): Server | undefined {
    const { up } = snapshot;
    if (up.length === 0) return undefined;
    const first = this.sampler.draw(snapshot);
    const server = up[first]!;
    if (accept(server)) return server;
    return this.sampler.rest(snapshot, first, first, accept);
  }
}
