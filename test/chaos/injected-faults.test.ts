/** Each promise broken on purpose, and each old fault put back: a checker that does not see it proves nothing. */
import { expect, test } from 'vitest';
import type { InjectedFault } from '../../src/store/injected-fault.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { chaos } from './chaos.ts';
import { rules } from './checker.ts';
import { oldFaults } from './old-faults.ts';
import { type AppName, appNames } from './stage.ts';

const seed = Math.floor(Math.random() * 1e9);
/**
 * Those that show within seconds, each on its own runtime and with that app; with LIMPET_CHAOS=all every one on both and with both,
 * which takes a quarter of an hour.
 */
const quick: Partial<Record<InjectedFault, AppName>> = {
  fencing: 'core',
  gate: 'express',
  'commit-exit': 'core',
  'clock-steps': 'express',
};

const runs = oldFaults.flatMap((old) => {
  const app = quick[old.injectedFault];
  if (process.env.LIMPET_CHAOS !== 'all') return app === undefined ? [] : [{ ...old, app }];
  return runtimes.flatMap((runtime) => appNames.map((one) => ({ ...old, runtime, app: one })));
});

for (const { violates, ...how } of runs) {
  const { injectedFault, store, runtime, app } = how;
  test(`${injectedFault} on ${runtime} with ${store} is found with the ${app} app, seed ${seed}`, {
    timeout: 240_000,
  }, async (context) => {
    if (store === 'redis') needProgram(context, 'redis');
    // Those rules only: what something else violates would prove nothing.
    const ignore = rules.filter((rule) => !violates.includes(rule));
    const rest = {
      appRuntime: 'node',
      workers: 2,
      nodes: 0,
      clients: 40,
      without: [],
      ignore,
      leastAcknowledged: 0,
      untilFound: true,
      say: () => undefined,
    } as const;
    expect((await chaos({ ...how, ...rest, seed })).violations).not.toEqual([]);
  });
}
