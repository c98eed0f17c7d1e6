/** Each promise of the store broken on purpose: a checker that does not see it proves nothing. */
import { expect, test } from 'vitest';
import { chaos } from './chaos.ts';

const seed = Math.floor(Math.random() * 1e9);

test.each([
  { sabotage: 'fencing', runtime: 'bun' },
  { sabotage: 'gate', runtime: 'node' },
  { sabotage: 'tombstones', runtime: 'bun' },
] as const)(`$sabotage broken on $runtime is found, seed ${seed}`, { timeout: 120_000 }, async (how) => {
  const faults = ['health flapped', 'server killed'] as const;
  const report = await chaos({
    ...how,
    store: 'memory',
    faults,
    seed,
    clients: 40,
    seconds: 60,
    say: () => undefined,
  });
  expect(report.violations).not.toEqual([]);
});
