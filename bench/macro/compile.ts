/** Compiles the C programs of the benchmark: the load, the servers, the floor. Once each in a run. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capture, findProgram, temporaryDirectory } from './processes.ts';

const compiled = new Map<string, string>();

/** Path of the program made from `source`, a path beside this file. Throws with the compiler's words. */
export function compile(source: string): string {
  let program = compiled.get(source);
  if (program === undefined) {
    program = join(temporaryDirectory(), 'program');
    const path = fileURLToPath(new URL(source, import.meta.url));
    capture(findProgram('cc') ?? 'cc', ['-O2', '-Wall', '-Wextra', '-o', program, path]);
    compiled.set(source, program);
  }
  return program;
}
