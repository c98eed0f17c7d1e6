/**
 * Rendezvous hashing (highest random weight; Thaler and Ravishankar 1998, weighted as in draft-ietf-bess-weighted-hrw):
 * each server draws a score from (its id, the key), the highest wins. When a server goes, exactly its keys
 * move, each to its own second choice; when one comes, it takes exactly its share from all.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { mix, pair, unit } from './hash.ts';
import { HashedServers } from './hashed-servers.ts';
import { Heap } from './heap.ts';
import type { Accept, Policy, PolicyDescriptor } from './policy.ts';

export const rendezvous = {
  name: 'rendezvous',
  byKey: true,
  create: () => new Rendezvous(),
} as const satisfies PolicyDescriptor;

export class Rendezvous implements Policy {
  readonly name = 'rendezvous';
  private readonly hashed = new HashedServers();
  private ranking = new Heap(0);

  select(snapshot: Snapshot, key: number, accept: Accept): Server | undefined {
    if (this.hashed.refresh(snapshot)) this.ranking = new Heap(snapshot.up.length);
    const { servers, seeds, weights } = this.hashed;
    if (servers.length === 0) return undefined;
    const mixed = mix(key);
    let best = 0;
    let high = 0;
    for (let at = 0; at < servers.length; at++) {
      const draw = unit(pair(seeds[at]!, mixed));
      const weight = weights[at]!;
      // The score is weight / -ln(draw), and -ln(draw) > 1 - draw: most servers lose without a logarithm.
      if (weight <= high * (1 - draw)) continue;
      const score = weight / -Math.log(draw);
      if (score > high) {
        high = score;
        best = at;
      }
    }
    const server = servers[best]!;
    if (accept(server)) return server;
    return this.rest(mixed, best, accept);
  }

  /** The others, highest score first. */
  private rest(mixed: number, first: number, accept: Accept): Server | undefined {
    const { ranking } = this;
    const { servers, seeds, weights } = this.hashed;
    for (let at = 0; at < servers.length; at++) {
      ranking.keys[at] = -Math.log(unit(pair(seeds[at]!, mixed))) / weights[at]!;
    }
    ranking.build();
    while (ranking.size > 0) {
      const at = ranking.pop();
      if (at !== first && accept(servers[at]!)) return servers[at];
    }
    return undefined;
  }
}
