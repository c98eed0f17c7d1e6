/** The short form of `npm run chaos`: each store for a while. */
import { expect, test } from 'vitest';
import { needProgram } from '../support/programs.ts';
import type { Runtime } from '../support/runtimes.ts';
import { chaos } from './chaos.ts';
import { faultNames } from './faults.ts';
import type { StoreKind } from './stage.ts';

const seed = Math.floor(Math.random() * 1e9);

for (const [store, runtime, workers] of [
  ['memory', 'node', 2],
  ['lmdb', 'bun', 1],
  ['redis', 'bun', 2],
] as [StoreKind, Runtime, number][]) {
  test(`nothing is lost with ${store} on ${runtime}, ${workers} workers, seed ${seed}`, {
    timeout: 120_000,
  }, async (context) => {
    if (store === 'redis') needProgram(context, 'redis');
    const how = { store, runtime, workers, seed, sabotage: null, clients: 40, seconds: 8, untilFound: false };
    const rest = { faults: faultNames, without: [], ignore: [], say: () => undefined };
    const report = await chaos({ ...how, ...rest });
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(100);
  });
}
