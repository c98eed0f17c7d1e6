/** How the black-box suites start the program. */
import { delimiter, join, resolve } from 'node:path';
import type { Runtime } from './runtimes.ts';

const root = resolve(import.meta.dirname, '../..');
const programs = join(root, 'node_modules/.bin');

/** Of `npm test`: what it has built, as a package has it. Without it, as when one suite is run by hand: the source. */
const built = process.env.LIMPET_TEST_MAIN;

export interface Command {
  readonly file: string;
  readonly args: string[];
  readonly env: NodeJS.ProcessEnv;
}

/** `limpet ARGS` on that runtime, its state in that folder. */
export function limpetCommand(runtime: Runtime, state: string, args: readonly string[]): Command {
  const env = {
    ...process.env,
    PATH: `${programs}${delimiter}${process.env.PATH ?? ''}`,
    LIMPET_RUNTIME: runtime,
    LIMPET_STATE: state,
  };
  if (built === undefined) return { file: join(root, 'bin/limpet'), args: [...args], env };
  return { file: join(programs, runtime), args: [built, ...args], env };
}
