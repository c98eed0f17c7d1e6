/** How the black-box suites start the program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join, resolve } from 'node:path';
import type { Runtime } from './runtimes.ts';

const root = resolve(import.meta.dirname, '../..');
const programs = join(root, 'node_modules/.bin');

/** Of `npm test`: what it has built, as a package has it. Without it, as when one suite is run by hand: the source. */
const built = process.env.LIMPET_TEST_MAIN;

/** The runtime's own program. */
export function programOf(runtime: Runtime): string {
  return join(programs, runtime);
}

export interface Command {
  readonly file: string;
  readonly args: string[];
  readonly env: NodeJS.ProcessEnv;
}

/** `limpet ARGS` on that runtime, its state in that folder. `copy`: the folder of a copy of the sources, to run in place of ours. */
export function limpetCommand(runtime: Runtime, state: string, args: readonly string[], copy?: string): Command {
  const env = {
    ...process.env,
    PATH: `${programs}${delimiter}${process.env.PATH ?? ''}`,
    LIMPET_RUNTIME: runtime,
    LIMPET_STATE: state,
  };
  if (built === undefined || copy !== undefined)
    return { file: join(copy ?? root, 'bin/limpet'), args: [...args], env };
  return { file: programOf(runtime), args: [built, ...args], env };
}

/**
 * Starts a command in that folder and collects what it writes to its standard error. `closed` fulfils with its exit code and the
 * signal that ended it. For tests of the start itself: startLimpet waits until it is over.
 */
export function spawnCommand({ file, args, env }: Command, folder: string) {
  const child = spawn(file, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return { child, said: () => said, closed: once(child, 'close') };
}
