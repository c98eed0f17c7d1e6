/**
 * Smooth weighted round-robin: turns go round, a heavier server has more of them, spread evenly.
 *
 * Equal weights are a plain rotation, one for all threads of the balancer: next is the server behind the one that was
 * last, whoever chose it, so that threads that do not know the same servers for a moment still take turns. Otherwise, in
 * each thread by itself, each server has a turn every 1/weight of virtual time and the earliest is next (earliest
 * deadline first). The servers' beats are shifted against each other by the golden
 * ratio; if all began at 0, weights 5,1,1 would give a a a a a b c. In one unit of virtual time, which
 * with whole weights is a run of as many picks as their sum, every server has exactly its weight in turns.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { Heap } from './heap.ts';
import type { Accept, Policy, PolicyDescriptor, PolicyOptions, Turns } from './policy.ts';

const goldenRatio = (Math.sqrt(5) - 1) / 2;

export const roundRobin = {
  name: 'round-robin',
  create: (options) => new RoundRobin(options),
} as const satisfies PolicyDescriptor;

export class RoundRobin implements Policy {
  readonly name = 'round-robin';
  private readonly random: () => number;
  private snapshot: Snapshot | null = null;
  private equal = true;
  /** With equal weights: which server was last. */
  private readonly turns: Turns;
  /** With equal weights, by slot, beginning with `firstSlot`: position in `up` of the next server. */
  private next = new Uint32Array(1);
  private firstSlot = 0;
  /** With equal weights: the server that was last before the latest turn. */
  private before = 0;
  /** With unequal weights: the key is the virtual time of a server's next turn. */
  private heap = new Heap(0);
  /** Virtual time of the latest turn. */
  private now = 0;
  /** Shift of the server that joined last. Begins at random: balancers that start together do not all begin with one server. */
  private beat: number;

  constructor(options: PolicyOptions) {
    this.random = options.random;
    this.beat = options.random();
    this.turns = options.turns ?? new OwnTurns(options.random);
  }

  select(snapshot: Snapshot, _key: number, accept: Accept): Server | undefined {
    const { up } = snapshot;
    if (up.length === 0) return undefined;
    const first = this.turn(snapshot);
    const server = up[first]!;
    if (accept(server)) return server;
    return this.equal ? this.rotate(up, first, accept) : this.pass(snapshot, first, accept);
  }

  /** Position in `snapshot.up` of the server whose turn it is; the turn is then over. Needs a server that is up. */
  turn(snapshot: Snapshot): number {
    if (snapshot !== this.snapshot) this.rebuild(snapshot);
    if (this.equal) return this.takeTurn(snapshot.up);
    const { heap } = this;
    const at = heap.top;
    this.now = heap.keys[at]!;
    heap.keys[at] = this.now + 1 / snapshot.weights[at]!;
    heap.sink(0);
    return at;
  }

  private takeTurn(up: readonly Server[]): number {
    for (;;) {
      const last = this.turns.last();
      const at = this.after(last);
      if (!this.turns.pass(last, up[at]!.slot)) continue;
      this.before = last;
      return at;
    }
  }

  /** Position of the server whose turn is next. The slot of the last one may be none of ours: it may have left the pool. */
  private after(last: number): number {
    const { next, firstSlot } = this;
    return next[last > firstSlot ? (last - firstSlot) % next.length : 0]!;
  }

  /** What others do meanwhile stands: then `pass` does nothing. */
  private rotate(up: readonly Server[], first: number, accept: Accept): Server | undefined {
    const { slot } = up[first]!;
    for (let step = 1; step < up.length; step++) {
      const server = up[(first + step) % up.length]!;
      if (!accept(server)) continue;
      this.turns.pass(slot, server.slot);
      return server;
    }
    this.turns.pass(slot, this.before);
    return undefined;
  }

  /**
   * Goes on to the later turns. Servers passed over lose theirs, or they would take a burst once they have room;
   * but when nobody is taken the turn is given back, or who asks twice would skip every second server.
   */
  private pass(snapshot: Snapshot, first: number, accept: Accept): Server | undefined {
    const { heap } = this;
    const { up, weights } = snapshot;
    const firstDue = this.now;
    while (heap.size > 0) {
      const at = heap.pop();
      const server = up[at]!;
      if (at === first || !accept(server)) continue;
      this.now = heap.keys[at]!;
      for (let popped = heap.size; popped < up.length; popped++) this.forfeit(heap.items[popped]!, weights);
      heap.restore();
      return server;
    }
    heap.keys[first] = firstDue;
    heap.restore();
    return undefined;
  }

  /** Moves a turn that is over or missed by whole intervals, so that the server keeps its own beat. */
  private forfeit(at: number, weights: Float64Array): void {
    const due = this.heap.keys[at]!;
    const weight = weights[at]!;
    // The first server's was moved by `turn` already.
    if (due <= this.now) this.heap.keys[at] = due + (Math.floor((this.now - due) * weight) + 1) / weight;
  }

  /** Servers that stay keep their place in the order; new ones join between them. */
  private rebuild(snapshot: Snapshot): void {
    const { weights } = snapshot;
    const equal = weights.every((weight) => weight === weights[0]);
    this.heap = equal ? new Heap(0) : this.heapOf(snapshot);
    if (equal) this.indexNext(snapshot);
    this.snapshot = snapshot;
    this.equal = equal;
    this.now = 0;
  }

  /** Behind each slot comes the server of the next higher slot; behind the last one the first. */
  private indexNext({ all, up }: Snapshot): void {
    const first = all[0]?.slot ?? 0;
    const last = all.at(-1)?.slot ?? 0;
    const next = new Uint32Array(last - first + 1);
    let at = 0;
    for (let i = 0; i < next.length; i++) {
      while (at < up.length && up[at]!.slot <= first + i) at++;
      next[i] = at < up.length ? at : 0;
    }
    this.next = next;
    this.firstSlot = first;
  }

  private heapOf({ up, weights }: Snapshot): Heap {
    const waits = this.waits();
    const heap = new Heap(up.length);
    for (let at = 0; at < up.length; at++) {
      const wait = waits.get(up[at]!.slot) ?? this.join();
      heap.keys[at] = wait / weights[at]!;
    }
    heap.build();
    return heap;
  }

  private join(): number {
    this.beat = (this.beat + goldenRatio) % 1;
    return this.beat;
  }

  /** By slot: the share of its interval (0 to 1) that each server has still to wait for its turn. */
  private waits(): Map<number, number> {
    const waits = new Map<number, number>();
    if (this.snapshot === null) return waits;
    const { up, weights } = this.snapshot;
    const next = this.equal ? this.after(this.turns.last()) : 0;
    for (let at = 0; at < up.length; at++) {
      const wait = this.equal
        ? ((at - next + up.length) % up.length) / up.length
        : (this.heap.keys[at]! - this.now) * weights[at]!;
      waits.set(up[at]!.slot, wait);
    }
    return waits;
  }
}

/** Begins at random: balancers that start together do not all begin with one server. */
class OwnTurns implements Turns {
  private number: number;

  constructor(random: () => number) {
    this.number = Math.floor(random() * 0x10000);
  }

  last(): number {
    return this.number;
  }

  pass(from: number, to: number): boolean {
    if (this.number !== from) return false;
    this.number = to;
    return true;
  }
}
