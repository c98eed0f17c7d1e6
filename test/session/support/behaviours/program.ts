/**
 * Tells the behaviours of each side, in this process, and writes what was seen to stdout as JSON: for each behaviour the
 * transcript of the library itself, and those of the sides that differ. A first argument
 * chooses behaviours whose name has it, a second one sides.
 */
import type { Runtime } from '../../../support/runtimes.ts';
import { behaviours } from './behaviours.ts';
import { reference, type Side, sideNames, sides } from './sides.ts';

const [, , wanted = '', only = sideNames.join()] = process.argv;
const chosen = behaviours.filter(({ name }) => name.includes(wanted));
const runtime: Runtime = process.versions.bun === undefined ? 'node' : 'bun';

async function told(side: Promise<Side>): Promise<(readonly string[])[]> {
  await using playing = await side;
  // Until then the side is needed.
  return await playing.play(chosen);
}

const names = sideNames.filter((name) => only.split(',').includes(name));
const [expected = [], ...all] = await Promise.all([
  told(reference()),
  ...names.map((name) => told(sides[name](runtime))),
]);
const found = chosen.map(({ name }, n) => {
  const seen = names.map((side, at) => [side, all[at]?.[n]] as const);
  const differs = seen.filter(([, lines]) => JSON.stringify(lines) !== JSON.stringify(expected[n]));
  return { name, expected: expected[n], differs: Object.fromEntries(differs) };
});
process.stdout.write(JSON.stringify(found), () => process.exit());
