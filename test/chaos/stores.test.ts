/** The short form of `npm run chaos`: each store for a while, and with it one app or the other. */
import { expect, test } from 'vitest';
import { needProgram } from '../support/programs.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { chaos } from './chaos.ts';
import { faultNames } from './faults.ts';
import { type AppName, appNames, type StoreKind } from './stage.ts';

const seed = Math.floor(Math.random() * 1e9);

const cases: [StoreKind, Runtime, number][] = [
  ['memory', 'node', 2],
  ['lmdb', 'bun', 1],
  ['redis', 'bun', 2],
];

for (const [n, [store, runtime, workers]] of cases.entries()) {
  const app: AppName = appNames[(seed + n) % 2]!;
  const appRuntime: Runtime = app === 'core' ? 'node' : runtimes[(seed >> 1) % 2]!;
  const who = `${app} on ${appRuntime}, balancer on ${runtime} with ${workers} workers`;
  test(`nothing is lost with ${store}: ${who}, seed ${seed}`, { timeout: 120_000 }, async (context) => {
    if (store === 'redis') needProgram(context, 'redis');
    const how = {
      store,
      runtime,
      workers,
      nodes: 0,
      seed,
      injectedFault: null,
      clients: 40,
      seconds: 8,
      leastAcknowledged: 100,
      untilFound: false,
    };
    const rest = { app, appRuntime, faults: faultNames, without: [], ignore: [], say: () => undefined };
    const report = await chaos({ ...how, ...rest });
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThanOrEqual(100);
  });
}
