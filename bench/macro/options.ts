/** What the command line of the benchmark means. */
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  /** Load of each round, per rival. */
  readonly seconds: number;
  /** Load before the first round, per rival, not counted. */
  readonly warmup: number;
  readonly connections: number;
  /** Keys of the rivals that take part. */
  readonly only: readonly string[];
  readonly smoke: boolean;
  /** Put the result into docs/benchmarks.md. */
  readonly write: boolean;
}

export const usage = `npm run bench -- [options]

  --rounds N        rounds, each rival once in each (5)
  --seconds S       load of a round per rival (3)
  --connections C   kept-alive client connections (64)
  --only a,b        only these rivals
  --smoke           one round of one second: does the benchmark itself work?
  --write           also rewrite the result in docs/benchmarks.md

BENCH_HAPROXY, BENCH_NGINX: another binary for that rival.
`;

/** Throws an error with a plain message when the arguments make no sense. */
export function parseOptions(args: readonly string[], rivals: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      only: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { smoke, write } = values;
  if (smoke && write) throw new Error('--write with --smoke: one second says nothing about speed');
  const only = values.only?.split(',') ?? rivals;
  for (const name of only) {
    if (!rivals.includes(name)) throw new Error(`--only ${name}: the rivals are ${rivals.join(', ')}`);
  }
  return {
    rounds: wholeNumber('--rounds', values.rounds ?? (smoke ? '1' : '5'), 1000),
    seconds: wholeNumber('--seconds', values.seconds ?? (smoke ? '1' : '3'), 3600),
    warmup: smoke ? 1 : 2,
    connections: wholeNumber('--connections', values.connections, 10_000),
    only: rivals.filter((name) => only.includes(name)),
    smoke,
    write,
  };
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most) {
    throw new Error(`${option} ${text}: expected a whole number from 1 to ${most}`);
  }
  return value;
}
