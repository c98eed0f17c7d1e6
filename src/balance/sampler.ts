/**
 * Draws servers at random, each in proportion to its weight, in constant time: Vose's alias table
 * (https://www.keithschwarz.com/darts-dice-coins/). Column i of the table is server i up to `share[i]`
 * and server `other[i]` above it, and all columns are equally likely:
 *
 *     weights 5, 1, 1:     a a a      share 1, 3/7, 3/7
 *                          a a a
 *                          a b c      other -, a, a
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import type { Accept, PolicyOptions } from './policy.ts';

/** Weighted draws for a second choice before the rest is walked through: enough unless nearly all refuse. */
const extraDraws = 16;

export class Sampler {
  private readonly random: () => number;
  private snapshot: Snapshot | null = null;
  private share = new Float64Array(0);
  private other = new Int32Array(0);
  /** proposed[i] === round: server i was proposed in this round of `rest`. */
  private proposed = new Float64Array(0);
  private round = 0;
  private equal = true;

  constructor(options: PolicyOptions) {
    this.random = options.random;
  }

  /** A position in `snapshot.up`, by weight. Needs a server that is up. */
  draw(snapshot: Snapshot): number {
    if (snapshot !== this.snapshot) this.rebuild(snapshot);
    const spot = this.random() * snapshot.up.length;
    const column = Math.floor(spot);
    return this.equal || spot - column < this.share[column]! ? column : this.other[column]!;
  }

  /** Another position than `first`, by weight. Needs two servers that are up. */
  drawOther(snapshot: Snapshot, first: number): number {
    if (!this.equal) {
      for (let draws = 0; draws < extraDraws; draws++) {
        const at = this.draw(snapshot);
        if (at !== first) return at;
      }
    }
    const at = Math.floor(this.random() * (snapshot.up.length - 1));
    return at < first ? at : at + 1;
  }

  /** Proposes all but two positions (which may be the same one), at random, until `accept` takes one. */
  rest(snapshot: Snapshot, first: number, second: number, accept: Accept): Server | undefined {
    if (snapshot !== this.snapshot) this.rebuild(snapshot);
    const { up } = snapshot;
    this.round++;
    this.propose(first);
    this.propose(second);
    for (let draws = 0; draws < extraDraws; draws++) {
      const at = this.draw(snapshot);
      if (this.propose(at) && accept(up[at]!)) return up[at];
    }
    const start = Math.floor(this.random() * up.length);
    for (let step = 0; step < up.length; step++) {
      const at = (start + step) % up.length;
      if (this.propose(at) && accept(up[at]!)) return up[at];
    }
    return undefined;
  }

  /** False when this round has proposed it already. */
  private propose(at: number): boolean {
    if (this.proposed[at] === this.round) return false;
    this.proposed[at] = this.round;
    return true;
  }

  private rebuild(snapshot: Snapshot): void {
    const { weights, totalWeight } = snapshot;
    const size = weights.length;
    this.snapshot = snapshot;
    this.equal = weights.every((weight) => weight === weights[0]);
    this.proposed = new Float64Array(size);
    this.round = 0;
    if (this.equal) return;
    this.share = weights.map((weight) => (weight * size) / totalWeight);
    this.other = new Int32Array(size);
    const small: number[] = [];
    const large: number[] = [];
    for (let at = 0; at < size; at++) (this.share[at]! < 1 ? small : large).push(at);
    while (small.length > 0 && large.length > 0) {
      const less = small.pop()!;
      const more = large.at(-1)!;
      this.other[less] = more;
      this.share[more] = this.share[more]! - (1 - this.share[less]!);
      if (this.share[more]! < 1) small.push(large.pop()!);
    }
    // What rounding left over is a full column.
    for (const at of small) this.share[at] = 1;
    for (const at of large) this.share[at] = 1;
  }
}
