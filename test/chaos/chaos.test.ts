/** The short form of `npm run chaos`: each store for a while, and each promise broken on purpose until that is found. */
import { expect, test } from 'vitest';
import { needProgram } from '../support/programs.ts';
import type { Runtime } from '../support/runtimes.ts';
import { chaos } from './chaos.ts';
import { faultNames } from './nemesis.ts';
import type { StoreKind } from './stage.ts';

const seed = Math.floor(Math.random() * 1e9);
const around = { clients: 40, seed, say: () => undefined };

for (const [store, runtime] of [
  ['memory', 'node'],
  ['lmdb', 'bun'],
  ['redis', 'bun'],
] as [StoreKind, Runtime][]) {
  test(`nothing is lost with ${store} on ${runtime}, seed ${seed}`, { timeout: 120_000 }, async (context) => {
    if (store === 'redis') needProgram(context, 'redis');
    const report = await chaos({ ...around, store, runtime, sabotage: null, faults: faultNames, seconds: 10 });
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(100);
  });
}

test.each([
  { sabotage: 'fencing', runtime: 'bun' },
  { sabotage: 'gate', runtime: 'node' },
  { sabotage: 'tombstones', runtime: 'bun' },
] as const)(`$sabotage broken on $runtime is found, seed ${seed}`, { timeout: 120_000 }, async (how) => {
  const faults = ['health flapped', 'server killed'] as const;
  const report = await chaos({ ...around, ...how, store: 'memory', faults, seconds: 60 });
  expect(report.violations).not.toEqual([]);
});
