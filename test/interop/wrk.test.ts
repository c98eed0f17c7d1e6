/** wrk, which pushes: no socket error and no answer but 200 in two seconds of it. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { run, startServer } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const script = new URL('../support/app-server.ts', import.meta.url);

test.for(runtimes)('wrk through limpet on %s', async (runtime, context) => {
  const wrk = needProgram(context, 'wrk');
  await using a = await startServer(script, 'a');
  await using b = await startServer(script, 'b');
  await using limpet = await startLimpet(runtime, { args: [a.address, b.address] });

  const done = await run(wrk, ['-t1', '-c32', '-d2s', '--timeout', '2s', `${limpet.url}/`]);
  expect(done.code).toBe(0);
  expect(done.stdout).not.toContain('Socket errors');
  expect(done.stdout).not.toContain('Non-2xx');
  const requests = Number(/(\d+) requests in/.exec(done.stdout)?.[1]);
  expect(requests).toBeGreaterThan(200);
});
