/** Each promise of the store broken on purpose: a checker that does not see it proves nothing. */
import { expect, test } from 'vitest';
import { chaos } from './chaos.ts';

const seed = Math.floor(Math.random() * 1e9);

test.each([
  // The faults that show it soonest: a former owner that is alive, and one that has forgotten.
  { sabotage: 'fencing', runtime: 'bun', faults: ['health flapped'] },
  { sabotage: 'gate', runtime: 'node', faults: ['health flapped', 'server killed'] },
  { sabotage: 'tombstones', runtime: 'bun', faults: ['health flapped', 'server killed'] },
] as const)(`$sabotage broken on $runtime is found, seed ${seed}`, { timeout: 180_000 }, async (how) => {
  const report = await chaos({ ...how, store: 'memory', seed, clients: 40, seconds: 120, say: () => undefined });
  expect(report.violations).not.toEqual([]);
});
