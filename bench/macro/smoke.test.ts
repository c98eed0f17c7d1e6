import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { needProgram } from '../../test/support/programs.ts';
import { projectRoot } from './processes.ts';

/** How fast anything is, is not asked here: other tests run at the same time. */
test('the benchmark works', { timeout: 120_000 }, async (context) => {
  needProgram(context, 'cc');
  needProgram(context, 'nginx');
  const args = ['bench/macro/run.ts', '--smoke'];
  const { stdout } = await promisify(execFile)(join(projectRoot, 'node_modules/.bin/node'), args, { cwd: projectRoot });
  expect(stdout).not.toContain('wrong:');
  expect(stdout.match(/^Limpet on Node +\d+/gm)).toHaveLength(4);
});
