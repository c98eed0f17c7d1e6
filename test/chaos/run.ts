/**
 * `npm run chaos`: sessions while everything around them fails, and a checker that judges each session's whole history.
 * Exit code 0: nobody lost anything. See `--help`.
 */
import { parseArgs } from 'node:util';
import type { Sabotage } from '../../src/store/sabotage.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { chaos, type Report } from './chaos.ts';
import { faultNames } from './nemesis.ts';
import { type StoreKind, storeKinds } from './stage.ts';

const help = `npm run chaos [-- options]

  --minutes N       how long (default 1)
  --seconds N       the same in seconds
  --store NAME      memory, lmdb or redis (default: each in turn, as long)
  --runtime NAME    of the balancer: bun (default) or node
  --clients N       default 40
  --seed N          repeats a run's operations and faults (default: by chance)
  --sabotage NAME   breaks fencing, gate or tombstones on purpose; ends at the first violation, which must come
  --faults NAMES    only these, with commas between them: ${faultNames.join(', ')}
  --verbose         tells every fault`;

const sabotages: readonly Sabotage[] = ['fencing', 'gate', 'tombstones'];

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      minutes: text,
      seconds: text,
      store: text,
      runtime: text,
      clients: text,
      seed: text,
      sabotage: text,
      faults: text,
      verbose: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const seconds =
    values.seconds === undefined ? 60 * count('minutes', values.minutes ?? '1') : count('seconds', values.seconds);
  const stores = values.store === undefined ? storeKinds : [word<StoreKind>('store', values.store, storeKinds)];
  const runtime = word<Runtime>('runtime', values.runtime ?? 'bun', runtimes);
  const clients = count('clients', values.clients ?? '40');
  const sabotage = values.sabotage === undefined ? null : word<Sabotage>('sabotage', values.sabotage, sabotages);
  const faults = values.faults?.split(',').map((name) => word('faults', name, faultNames)) ?? faultNames;
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : count('seed', values.seed);
  const say = values.verbose ? (line: string) => console.log(line) : () => undefined;
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  let good = true;
  for (const store of stores) {
    const report = await chaos({
      runtime,
      store,
      sabotage,
      clients,
      faults,
      seconds,
      seed,
      say,
      stopped: interrupted.signal,
    });
    console.log(format(report, store));
    good &&= sabotage === null ? report.violations.length === 0 : report.violations.length > 0;
    if (interrupted.signal.aborted) break;
  }
  return good ? 0 : 1;
}

function format(
  { seed, seconds, operations, acknowledged, sessions, faults, unknown, violations }: Report,
  store: string,
): string {
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, times]) => `${times} ${name}`)
      .join(', ') || 'none';
  return [
    `== ${store}: ${operations} operations of ${sessions} sessions in ${seconds.toFixed(0)} s, seed ${seed}`,
    `acknowledged    ${acknowledged}`,
    `indeterminate   ${operations - acknowledged}: ${list(unknown)}`,
    `faults          ${list(faults)}`,
    `violations      ${violations.length}`,
    ...violations.slice(0, 20).map(({ what, text }) => `  ${what}: ${text}`),
  ].join('\n');
}

function count(name: string, found: string): number {
  const value = Number(found);
  if (found === '' || !(value > 0) || value > 1e9)
    throw new Error(`--${name}: found "${found}", expected a number above 0`);
  return value;
}

function word<Word extends string>(name: string, found: string, words: readonly Word[]): Word {
  const known = words.find((one) => one === found);
  if (known === undefined) throw new Error(`--${name}: found "${found}", expected ${words.join(', ')}`);
  return known;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
