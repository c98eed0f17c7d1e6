/**
 * Twice the input costs at most twice, whatever it is made of (I9): what costs-cases.ts makes is put through a whole balancer, on a
 * network without a kernel, in sizes from 8 to 64 KB (costs-program.ts).
 *
 * Nothing is asserted on how long anything takes: only on how the cost of an input grows with its size, and on what it costs beside
 * an ordinary head of the same size.
 */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { runtimes } from '../support/runtimes.ts';
import { costCases } from './costs-cases.ts';

interface Costs {
  readonly sizes: readonly number[];
  /** By name, for each size. */
  readonly costs: Readonly<Record<string, readonly number[]>>;
}

/** Of the power with which a cost grows: 1 is linear, 2 is what a loop inside a loop makes of it. */
const mostGrowth = 1.5;
/** Times what an ordinary head of that size costs. */
const mostTimes = 40;

/**
 * The least growth between any two sizes of which one is four times the other or more: what grows with the square does so between
 * all of them, and one cost that was measured too low or too high makes nothing of it.
 */
function growthOf(sizes: readonly number[], cost: readonly number[]): number {
  const growths = sizes.flatMap((small, i) =>
    sizes.flatMap((large, j) => (large < 4 * small ? [] : [Math.log(cost[j]! / cost[i]!) / Math.log(large / small)])),
  );
  return Math.min(...growths);
}

test('a square is seen, and a line with one wrong point is none', () => {
  const sizes = [8, 16, 32, 64];
  expect(growthOf(sizes, [64, 256, 1024, 4096])).toBeCloseTo(2);
  // With a part that grows with the size alone.
  expect(growthOf(sizes, [64 + 80, 256 + 160, 1024 + 320, 4096 + 640])).toBeGreaterThan(mostGrowth);
  expect(growthOf(sizes, [1, 16, 32, 64])).toBeLessThan(mostGrowth);
  expect(growthOf(sizes, [8, 16, 32, 640])).toBeLessThan(mostGrowth);
});

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

describe.each(runtimes)('costs on %s', (runtime) => {
  let measured: Costs;

  beforeAll(async () => {
    const program = join(import.meta.dirname, 'costs-program.ts');
    const { stdout } = await run(join(root, 'node_modules/.bin', runtime), [program], { maxBuffer: 1 << 24 });
    measured = JSON.parse(stdout) as Costs;
  }, 300_000);

  for (const { name, dear } of costCases) {
    test(name, () => {
      const { sizes, costs } = measured;
      const cost = costs[name] ?? [];
      expect(cost).toHaveLength(sizes.length);
      expect(growthOf(sizes, cost), `cost by size: ${JSON.stringify(cost)}`).toBeLessThan(mostGrowth);
      if (dear !== undefined) return;
      expect(cost.at(-1)! / (costs.plain?.at(-1) ?? Number.NaN), 'times an ordinary head').toBeLessThan(mostTimes);
    });
  }
});
