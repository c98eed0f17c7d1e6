/** Each promise broken on purpose, and each old fault put back: a checker that does not see it proves nothing. */
import { expect, test } from 'vitest';
import type { Sabotage } from '../../src/store/sabotage.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { chaos } from './chaos.ts';
import { rules } from './checker.ts';
import { oldFaults } from './old-faults.ts';

const seed = Math.floor(Math.random() * 1e9);
/** Those that show within seconds, each on its own runtime; with LIMPET_CHAOS=all every one on both, which takes some minutes. */
const everywhere = process.env.LIMPET_CHAOS === 'all';
const quick: readonly Sabotage[] = ['fencing', 'gate', 'commit-exit', 'clock-steps'];

const runs = everywhere
  ? oldFaults.flatMap((old) => runtimes.map((runtime) => ({ ...old, runtime })))
  : oldFaults.filter(({ sabotage }) => quick.includes(sabotage));

for (const { violates, ...how } of runs) {
  const { sabotage, store, runtime } = how;
  test(`${sabotage} on ${runtime} with ${store} is found, seed ${seed}`, { timeout: 240_000 }, async (context) => {
    if (store === 'redis') needProgram(context, 'redis');
    // Those rules only: what something else violates would prove nothing.
    const ignore = rules.filter((rule) => !violates.includes(rule));
    const rest = { workers: 2, clients: 40, without: [], ignore, untilFound: true, say: () => undefined };
    expect((await chaos({ ...how, ...rest, seed })).violations).not.toEqual([]);
  });
}
