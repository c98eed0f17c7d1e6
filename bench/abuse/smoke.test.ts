import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../test/support/peers.ts';
import { projectRoot } from '../macro/processes.ts';
import { attacks } from './attacks/index.ts';

/** Whether the goals are met is not asked here: other tests run at the same time. */
test('every attack runs and is reported', { timeout: 180_000 }, async () => {
  const node = join(projectRoot, 'node_modules/.bin/node');
  const { code, stdout, stderr } = await run(node, ['bench/abuse/run.ts', '--smoke'], {
    cwd: projectRoot,
    timeout: 170_000,
  });
  expect([0, 1], `${stdout}\n${stderr}`).toContain(code);
  expect(stdout).not.toContain('failed:');
  for (const { name } of attacks) expect(stdout).toContain(`(${name})\n`);
  // Errors, and two times: NaN where nobody was answered within the moment.
  expect(stdout.match(/^Limpet on Bun +\d+ +[\d.NaN]+ +[\d.NaN]+ /gm)).toHaveLength(attacks.length);
});
