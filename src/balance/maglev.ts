/**
 * Maglev hashing (Eisenbud et al., "Maglev: a fast and reliable network load balancer", NSDI 2016): a table
 * of servers, and a key is a look-up. Each server has its own order of all entries; in weighted turns
 * each server takes the next free entry of its order:
 *
 *     order of a:  3 0 4 1 ...      turns a b a b ...: a takes 3, b takes 0, a takes 4 (0 is taken), ...
 *     order of b:  0 2 4 1 ...      table: b . . a a
 *
 * Shares are even to one entry. A server that leaves moves its own keys, and a few percent of the others'.
 */
import type { Snapshot } from '../fleet/fleet.ts';
import type { Server } from '../fleet/server.ts';
import { mix } from './hash.ts';
import { HashedServers } from './hashed-servers.ts';
import type { Accept, Policy, PolicyDescriptor } from './policy.ts';

/**
 * A prime, so that every step through the table visits every entry. The same for every pool: a size that
 * went with the number of servers would move four keys of five whenever it changed.
 */
const tableSize = 65537;
const free = -1;

const offsetSalt = 0x2545f491;
const stepSalt = 0x6c8e9cf5;

export const maglev = {
  name: 'maglev',
  byKey: true,
  create: () => new Maglev(),
} as const satisfies PolicyDescriptor;

export class Maglev implements Policy {
  readonly name = 'maglev';
  private readonly hashed = new HashedServers();
  /** Entry to position in `hashed.servers`. Built at the first choice among new servers. */
  private table = new Int32Array(0);
  /** proposed[i] === round: server i was proposed in this round of `rest`. */
  private proposed = new Float64Array(0);
  private round = 0;

  select(snapshot: Snapshot, key: number, accept: Accept): Server | undefined {
    if (this.hashed.refresh(snapshot)) this.rebuild();
    const { servers } = this.hashed;
    if (servers.length === 0) return undefined;
    const entry = (mix(key) >>> 0) % this.table.length;
    const server = servers[this.table[entry]!]!;
    if (accept(server)) return server;
    return this.rest(entry, accept);
  }

  /** Walks on through the table, and ends with the servers that are too light for an entry. */
  private rest(entry: number, accept: Accept): Server | undefined {
    const { table, hashed } = this;
    const { servers } = hashed;
    this.round++;
    this.propose(table[entry]!);
    let left = servers.length - 1;
    for (let step = 1; step < table.length && left > 0; step++) {
      const at = table[(entry + step) % table.length]!;
      if (!this.propose(at)) continue;
      left--;
      if (accept(servers[at]!)) return servers[at];
    }
    for (let at = 0; at < servers.length && left > 0; at++) {
      if (!this.propose(at)) continue;
      left--;
      if (accept(servers[at]!)) return servers[at];
    }
    return undefined;
  }

  /** False when this round has proposed it already. */
  private propose(at: number): boolean {
    if (this.proposed[at] === this.round) return false;
    this.proposed[at] = this.round;
    return true;
  }

  private rebuild(): void {
    const { seeds, weights } = this.hashed;
    const table = new Int32Array(tableSize).fill(free);
    const entries = seeds.map((seed) => (mix(seed ^ offsetSalt) >>> 0) % tableSize);
    const steps = seeds.map((seed) => ((mix(seed ^ stepSalt) >>> 0) % (tableSize - 1)) + 1);
    const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
    // In each round the heaviest server has one turn, and the others that part of one which their weight is of its.
    const parts = weights.map((weight) => weight / heaviest);
    const due = new Float64Array(seeds.length);
    for (let left = seeds.length > 0 ? tableSize : 0; left > 0; ) {
      for (let at = 0; at < seeds.length && left > 0; at++) {
        due[at] = due[at]! + parts[at]!;
        if (due[at]! < 1) continue;
        due[at] = due[at]! - 1;
        let entry = entries[at]!;
        while (table[entry] !== free) entry = (entry + steps[at]!) % tableSize;
        table[entry] = at;
        entries[at] = entry;
        left--;
      }
    }
    this.table = table;
    this.proposed = new Float64Array(seeds.length);
    this.round = 0;
  }
}
