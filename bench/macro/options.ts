/** What the command line of the benchmark means. */
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  /** Load of each round, per rival. */
  readonly seconds: number;
  /** Load before the first round of each workload, for rivals that compile themselves; 0: none. */
  readonly warming: number;
  readonly connections: number;
  /** Keys of the rivals that take part. */
  readonly only: readonly string[];
  /** Names of the workloads. */
  readonly workloads: readonly string[];
  /** Commit whose Limpet takes part as one more rival. */
  readonly against: string | null;
  readonly full: boolean;
  readonly smoke: boolean;
  /** Put the result into docs/benchmarks.md. */
  readonly write: boolean;
}

export const usage = `npm run bench -- [options]        the main rivals and workloads, under five minutes
npm run bench:full -- [options]   all of them, about an hour

  --rounds N          rounds, each rival once in each (5)
  --seconds S         load of a round per rival (0.4, full: 2)
  --connections C     client connections where the workload does not say (64)
  --only a,b          only these rivals
  --workloads a,b     only these workloads; \`memory\` (10 million requests each) runs only when it is named
  --against REV       each chosen Limpet as it was at that commit, too, and the ratio of now to then
  --smoke             a moment of each family of workloads: does the benchmark itself work?
  --write             also rewrite the result in docs/benchmarks.md and its chart

BENCH_HAPROXY, BENCH_NGINX, BENCH_CADDY, BENCH_APACHE: another binary for that rival.
`;

/** What there is to choose from, and what is chosen when nobody says. */
export interface Choice {
  readonly all: readonly string[];
  readonly short: readonly string[];
  readonly full: readonly string[];
  readonly smoke: readonly string[];
}

/** Throws an error with a plain message when the arguments make no sense. */
export function parseOptions(args: readonly string[], rivals: Choice, workloads: Choice): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      only: { type: 'string' },
      workloads: { type: 'string' },
      against: { type: 'string' },
      full: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { full, smoke, write } = values;
  if (smoke && write) throw new Error('--write with --smoke: a moment says nothing about speed');
  const seconds = numberOf('--seconds', values.seconds ?? (smoke ? '0.2' : full ? '2' : '0.4'), 0.1, 3600);
  const usual = (choice: Choice) => (smoke ? choice.smoke : full ? choice.full : choice.short);
  return {
    rounds: numberOf('--rounds', values.rounds ?? (smoke ? '1' : '5'), 1, 1000),
    seconds,
    // Below five minutes in all, one second has to do.
    warming: smoke ? 0 : Math.max(full ? 2 : 1, seconds),
    connections: numberOf('--connections', values.connections, 1, 10_000),
    only: chosen('--only', 'rivals', values.only, rivals.all) ?? usual(rivals),
    workloads: chosen('--workloads', 'workloads', values.workloads, workloads.all) ?? usual(workloads),
    against: values.against ?? null,
    full,
    smoke,
    write,
  };
}

/** In the order of the report, whatever the order on the command line. */
function chosen(option: string, what: string, text: string | undefined, all: readonly string[]): string[] | null {
  if (text === undefined) return null;
  const names = text.split(',');
  for (const name of names) {
    if (!all.includes(name)) throw new Error(`${option} ${name}: the ${what} are ${all.join(', ')}`);
  }
  return all.filter((name) => names.includes(name));
}

/** A whole number, unless the least one is not. */
function numberOf(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  const whole = Number.isInteger(least);
  if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > most || (whole && !Number.isInteger(value))) {
    throw new Error(`${option} ${text}: expected a ${whole ? 'whole ' : ''}number from ${least} to ${most}`);
  }
  return value;
}
