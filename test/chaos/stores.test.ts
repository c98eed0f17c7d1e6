/** The short form of `npm run chaos`: each store for a while. */
import { expect, test } from 'vitest';
import { needProgram } from '../support/programs.ts';
import type { Runtime } from '../support/runtimes.ts';
import { chaos } from './chaos.ts';
import { faultNames } from './nemesis.ts';
import type { StoreKind } from './stage.ts';

const seed = Math.floor(Math.random() * 1e9);

for (const [store, runtime] of [
  ['memory', 'node'],
  ['lmdb', 'bun'],
  ['redis', 'bun'],
] as [StoreKind, Runtime][]) {
  test(`nothing is lost with ${store} on ${runtime}, seed ${seed}`, { timeout: 120_000 }, async (context) => {
    if (store === 'redis') needProgram(context, 'redis');
    const how = { store, runtime, seed, sabotage: null, faults: faultNames, clients: 40, seconds: 8 };
    const report = await chaos({ ...how, say: () => undefined });
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(100);
  });
}
