import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { run } from '../../test/support/peers.ts';
import { needProgram } from '../../test/support/programs.ts';
import { projectRoot } from './processes.ts';

/** How fast anything is, is not asked here: other tests run at the same time. */
async function bench(context: TestContext, ...args: readonly string[]): Promise<string> {
  for (const program of ['cc', 'nginx', 'haproxy', 'openssl'] as const) needProgram(context, program);
  const node = join(projectRoot, 'node_modules/.bin/node');
  const options = { cwd: projectRoot, timeout: 110_000 };
  const { code, stdout, stderr } = await run(node, ['bench/macro/run.ts', '--smoke', ...args], options);
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).not.toContain('wrong:');
  return stdout;
}

test('the benchmark works', { timeout: 120_000 }, async (context) => {
  // Beside other tests a rate may be too much for it.
  expect((await bench(context)).match(/^Limpet on Node +(\d|failed: it does \d+ of )/gm)).toHaveLength(5);
});

test('over TLS, too', { timeout: 120_000 }, async (context) => {
  const workloads = ['tls-get', 'tls-resumed', 'tls12-handshakes', 'tls-100mb', 'h2-get', 'h2-post-1k'];
  const stdout = await bench(context, '--only', 'haproxy,nginx', '--workloads', workloads.join());
  expect(stdout.match(/^HAProxy +\d/gm)).toHaveLength(workloads.length);
  expect(stdout.match(/^nginx +\d/gm)).toHaveLength(workloads.length);
});
