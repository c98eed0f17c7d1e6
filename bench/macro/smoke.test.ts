import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../test/support/peers.ts';
import { needProgram } from '../../test/support/programs.ts';
import { projectRoot } from './processes.ts';

/** How fast anything is, is not asked here: other tests run at the same time. */
test('the benchmark works', { timeout: 120_000 }, async (context) => {
  needProgram(context, 'cc');
  needProgram(context, 'nginx');
  const node = join(projectRoot, 'node_modules/.bin/node');
  const options = { cwd: projectRoot, timeout: 110_000 };
  const { code, stdout, stderr } = await run(node, ['bench/macro/run.ts', '--smoke'], options);
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).not.toContain('wrong:');
  // Beside other tests a rate may be too much for it.
  expect(stdout.match(/^Limpet on Node +(\d|failed: it does \d+ of )/gm)).toHaveLength(5);
});
