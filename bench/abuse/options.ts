/** What the command line of the abuse bench means. */
import { parseArgs } from 'node:util';

export interface AbuseOptions {
  /** Names of the attacks. */
  readonly only: readonly string[];
  readonly rivals: readonly string[];
  /** Pairs of a quiet and an attacked window. */
  readonly rounds: number;
  /** Of a window. */
  readonly seconds: number;
}

export const usage = `npm run abuse -- [options]    attacks, with normal clients beside them, under five minutes

  --only a,b      only these attacks
  --rivals a,b    only these balancers
  --rounds N      pairs of a quiet and an attacked window (3)
  --seconds S     of a window (0.5)
  --smoke         one short round of each on Limpet on Bun: does every attack run?

Exit code 0: all goals are met. 1: one is missed. 2: the bench could not run.
BENCH_HAPROXY: another binary of HAProxy.
`;

/** Throws an error with a plain message when the arguments make no sense. */
export function parseOptions(
  args: readonly string[],
  attacks: readonly string[],
  rivals: readonly string[],
): AbuseOptions & { readonly smoke: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rivals: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      smoke: { type: 'boolean', default: false },
    },
  });
  const { smoke } = values;
  return {
    only: chosen('--only', values.only, attacks),
    rivals: chosen('--rivals', values.rivals ?? (smoke ? rivals[0] : undefined), rivals),
    rounds: numberOf('--rounds', values.rounds ?? (smoke ? '1' : '3'), 1, 100),
    seconds: numberOf('--seconds', values.seconds ?? (smoke ? '0.1' : '0.5'), 0.1, 60),
    smoke,
  };
}

function chosen(option: string, text: string | undefined, all: readonly string[]): readonly string[] {
  if (text === undefined) return all;
  const names = text.split(',');
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`${option} ${unknown}: expected ${all.join(', ')}`);
  return all.filter((name) => names.includes(name));
}

function numberOf(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > most) {
    throw new Error(`${option} ${text}: expected a number from ${least} to ${most}`);
  }
  return value;
}
