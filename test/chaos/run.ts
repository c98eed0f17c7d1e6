/**
 * `npm run chaos`: sessions while everything around them fails, and a checker that judges each session's whole history.
 * Exit code 0: nobody lost anything. See `--help`.
 */
import { parseArgs } from 'node:util';
import { injectedFaults } from '../../src/store/injected-fault.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { chaos, type Report } from './chaos.ts';
import { rules } from './checker.ts';
import { stepNames } from './client.ts';
import { faultNames } from './faults.ts';
import { oldFaults } from './old-faults.ts';
import { type AppName, appNames, type StoreKind, storeKinds } from './stage.ts';

const help = `npm run chaos [-- options]

  --minutes N       how long (default 1)
  --seconds N       the same in seconds
  --store NAME      memory, lmdb, redis, or sentinel: Redis as two servers and a Sentinel (default: each in turn, as long)
  --runtime NAME    of the balancer: bun (default) or node
  --app NAME        what the servers run: core, on the library's own API (default), or express, on express-session's
  --app-runtime NAME  of the servers: node (default) or bun
  --workers N       of the balancer: 1 or 2 (default)
  --fleet N         so many balancers (2 to 5), each cut off from the store and from servers by itself, their clocks apart; with the stores
                    redis and sentinel
  --clients N       default 40
  --seed N          repeats a run's operations and faults (default: by chance)
  --injected-fault NAME   breaks a promise on purpose, with the store, the runtime and the faults that show it soonest unless
                    they are named; ends at the first violation, which must come:
                    ${injectedFaults.join(', ')}
  --faults NAMES    only these, with commas between them: ${faultNames.join(', ')}
  --without NAMES   clients do not do this: ${stepNames.join(', ')}
  --ignore RULES    violations that do not count: ${rules.join(', ')}
  --until-found     ends at the first violation
  --verbose         tells every fault`;

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      minutes: text,
      seconds: text,
      store: text,
      runtime: text,
      app: text,
      'app-runtime': text,
      clients: text,
      seed: text,
      'injected-fault': text,
      faults: text,
      workers: text,
      fleet: text,
      without: text,
      ignore: text,
      'until-found': { type: 'boolean' },
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
  const injectedFault =
    values['injected-fault'] === undefined ? null : word('injected-fault', values['injected-fault'], injectedFaults);
  const old = oldFaults.find((one) => one.injectedFault === injectedFault);
  if (old !== undefined) {
    values.store ??= old.store;
    values.runtime ??= old.runtime;
    values.faults ??= old.faults.join();
    values.ignore ??= rules.filter((rule) => !old.violates.includes(rule)).join();
  }
  const nodes = values.fleet === undefined ? 0 : Number(word('fleet', values.fleet, ['2', '3', '4', '5']));
  const possible = nodes > 0 ? (['redis', 'sentinel'] as const) : storeKinds;
  const stores = values.store === undefined ? possible : [word<StoreKind>('store', values.store, possible)];
  const runtime = word<Runtime>('runtime', values.runtime ?? 'bun', runtimes);
  const app = word<AppName>('app', values.app ?? 'core', appNames);
  const appRuntime = word<Runtime>('app-runtime', values['app-runtime'] ?? 'node', runtimes);
  const clients = count('clients', values.clients ?? '40');
  const workers = Number(word('workers', values.workers ?? '2', ['1', '2']));
  const faults = words('faults', values.faults, faultNames) ?? faultNames;
  const without = words('without', values.without, stepNames) ?? [];
  const ignore = words('ignore', values.ignore, rules) ?? [];
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : count('seed', values.seed);
  const say = values.verbose ? (line: string) => console.log(line) : () => undefined;
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  let good = true;
  for (const store of stores) {
    const report = await chaos({
      app,
      appRuntime,
      runtime,
      store,
      workers,
      nodes,
      injectedFault,
      clients,
      faults,
      without,
      ignore,
      seconds,
      leastAcknowledged: 0,
      untilFound: values['until-found'] === true || injectedFault !== null,
      seed,
      say,
      stopped: interrupted.signal,
    });
    console.log(format(report, store));
    good &&= injectedFault === null ? report.violations.length === 0 : report.violations.length > 0;
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
    `violations      ${violations.length}: ${list(tally(violations.map(({ what }) => what)))}`,
    ...violations.slice(0, 20).map(({ what, text }) => `  ${what}: ${text}`),
  ].join('\n');
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function count(name: string, found: string): number {
  const value = Number(found);
  if (found === '' || !(value > 0) || value > 1e9)
    throw new Error(`--${name}: found "${found}", expected a number above 0`);
  return value;
}

function words<Word extends string>(
  name: string,
  found: string | undefined,
  known: readonly Word[],
): readonly Word[] | undefined {
  return found?.split(',').map((one) => word(name, one, known));
}

function word<Word extends string>(name: string, found: string, words: readonly Word[]): Word {
  const known = words.find((one) => one === found);
  if (known === undefined) throw new Error(`--${name}: found "${found}", expected ${words.join(', ')}`);
  return known;
}

const code = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
// Node 26 may wait for ever, and busily, until handles are closed that it has lost count of (Environment::CleanupHandles).
process.exit(code);
