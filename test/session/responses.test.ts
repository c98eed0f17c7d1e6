/**
 * A response with a session behaves as one without: what apps do with a response, in order (support/responses), gives the same
 * bytes, events, flags and errors, whatever the strategy, while the head waits for a store and afterwards.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const folder = import.meta.dirname;

describe.each([...runtimes, 'node22'] as const)('%s', (runtime) => {
  test('each sequence of calls, with and without a session; and when no change can be kept', async (context) => {
    const isOldest = runtime === 'node22';
    const command = isOldest ? needProgram(context, runtime) : join(folder, '../../node_modules/.bin', runtime);
    const options = isOldest ? ['--experimental-strip-types', '--no-warnings'] : [];
    const program = join(folder, 'support/responses/program.ts');
    const { stdout } = await promisify(execFile)(command, [...options, program], { maxBuffer: 1 << 28 });
    const { sequences, variants, differences, successes } = JSON.parse(stdout);
    expect(differences).toEqual([]);
    expect(successes).toEqual([]);
    expect(sequences).toBeGreaterThanOrEqual(120);
    expect(variants).toBe(7);
  });
});
