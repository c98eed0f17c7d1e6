/** Servers, fleets and repeatable randomness for the tests of whatever chooses among servers. */
import { Fleet, type FleetOptions } from '../../src/fleet/fleet.ts';
import { Load } from '../../src/fleet/load.ts';
import { Server, type ServerOptions } from '../../src/fleet/server.ts';

export function serverOf(
  number: number,
  options: Partial<ServerOptions> & { readonly id?: number } = {},
  load = Load.single(number + 1),
): Server {
  const { id = number * 0x1_0003_0007 + 0x5bd1_e995, ...rest } = options;
  const address = { kind: 'tcp', host: '127.0.0.1', port: 3000 + number } as const;
  return new Server({ name: `s${number}`, address, weight: 1, maxRequests: 0, ...rest }, id, number, load);
}

/** One server for each weight, named s0, s1, ... and of the slots 0, 1, ...; no panic and no slow start unless asked for. */
export function fleetOf(weights: readonly number[], options: Partial<FleetOptions> = {}): Fleet {
  const load = Load.single(weights.length);
  const servers = weights.map((weight, number) => serverOf(number, { weight }, load));
  return new Fleet(servers, { panicThreshold: 0, slowStart: 0, ...options });
}

/** Puts so many exchanges more on a server; a negative number takes them off. */
export function run(server: Server, by: number): void {
  for (let n = 0; n < Math.abs(by); n++) {
    if (by < 0) server.leave();
    else server.enter();
  }
}

export function equal(size: number): number[] {
  return new Array<number>(size).fill(1);
}

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let h = Math.imul(state ^ (state >>> 15), state | 1);
    h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
    return ((h ^ (h >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Counts by slot. */
export function tally(servers: Iterable<Server | undefined>, size: number): number[] {
  const counts = new Array<number>(size).fill(0);
  for (const server of servers) {
    if (server === undefined) throw new Error('no server was chosen');
    counts[server.slot] = (counts[server.slot] ?? 0) + 1;
  }
  return counts;
}

/**
 * How far counts lie from their expected shares, in standard deviations of a chi-square distribution:
 * chance alone stays below 5 but for one time in a million.
 */
export function deviation(counts: readonly number[], weights: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const weight = weights.reduce((sum, one) => sum + one, 0);
  let chiSquare = 0;
  let freedom = -1;
  for (let at = 0; at < counts.length; at++) {
    const expected = (total * weights[at]!) / weight;
    if (expected === 0) {
      if (counts[at] !== 0) return Number.POSITIVE_INFINITY;
      continue;
    }
    chiSquare += (counts[at]! - expected) ** 2 / expected;
    freedom++;
  }
  // Wilson and Hilferty: the cube root is nearly normal.
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(chiSquare / freedom) - (1 - spread)) / Math.sqrt(spread);
}
