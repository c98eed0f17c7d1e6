/** `npm run fleet` tells its story, and all that it has found holds. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../../test/support/peers.ts';
import { needProgram } from '../../test/support/programs.ts';
import { runtimes } from '../../test/support/runtimes.ts';

const script = fileURLToPath(new URL('start.ts', import.meta.url));

test.for(runtimes)('the story of a fleet, balancers on %s', { timeout: 90_000 }, async (runtime, context) => {
  needProgram(context, 'redis');
  const env = { ...process.env, LIMPET_RUNTIME: runtime };
  const { code, stdout, stderr } = await run(process.execPath, [script], { env, timeout: 80_000 });
  expect(stderr).toBe('');
  expect(stdout).toContain('All of them held.');
  expect(code).toBe(0);
});
