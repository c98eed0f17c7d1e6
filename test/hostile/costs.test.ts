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
      const [first = Number.NaN, ...others] = costs[name] ?? [];
      const last = others.at(-1) ?? Number.NaN;
      const growth = Math.log(last / first) / Math.log(sizes.at(-1)! / sizes[0]!);
      expect(growth, `cost by size: ${JSON.stringify(costs[name])}`).toBeLessThan(mostGrowth);
      if (dear !== undefined) return;
      expect(last / (costs.plain?.at(-1) ?? Number.NaN), 'times an ordinary head').toBeLessThan(mostTimes);
    });
  }
});
