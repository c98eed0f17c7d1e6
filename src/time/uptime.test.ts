import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runtimes } from '../../test/support/runtimes.ts';

/** Takes every descriptor that there is, and asks for the time. */
const program = `
  const { openSync } = await import('node:fs');
  const { uptimeReader } = await import(process.argv[1]);
  const uptime = uptimeReader();
  const before = uptime();
  let lack = '';
  for (const taken = []; lack === ''; ) {
    try { taken.push(openSync('/dev/null', 'r')); } catch ({ code }) { lack = code; }
  }
  console.log(JSON.stringify([lack, uptime() >= before]));
  process.exit();
`;

test.each(runtimes)('the time is told without any descriptor left, on %s', (runtime) => {
  const root = join(import.meta.dirname, '../..');
  const node = join(root, 'node_modules/.bin', runtime);
  const args = [
    runtime === 'bun' ? '--eval' : '--input-type=module',
    ...(runtime === 'bun' ? [] : ['--eval']),
    program,
  ];
  const limited = ['-c', 'ulimit -n 64 && exec "$0" "$@"', node, ...args, join(import.meta.dirname, 'uptime.ts')];
  const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual(['EMFILE', true]);
});
