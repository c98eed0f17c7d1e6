/** This machine has no descriptors for connections to servers: the client is told so, no server is blamed, and it passes. */
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, until } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const hello = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const plenty = 512;
/** Every process has so many open all the time. */
const none = 3;

/** Changes the limit of a process that runs: what it has open stays, and it gets nothing more. */
function limitTo(prlimit: string, limpet: Limpet, descriptors: number): void {
  execFileSync(prlimit, ['--pid', String(limpet.pid), `--nofile=${descriptors}:`]);
}

async function statusOf(client: RawClient): Promise<number> {
  await client.send(hello);
  return (await client.response()).status;
}

describe.each(runtimes)('no descriptors on %s', (runtime) => {
  test.for([1, 2])(
    '%i workers: 503 of our own, no ejection, no failed check, and it passes',
    async (workers, context) => {
      const prlimit = needProgram(context, 'prlimit');
      // Answered on a connection each: every request needs a descriptor.
      await using a = await httpOrigin('a', (_, response) => response.setHeader('Connection', 'close').end('a'));
      await using b = await httpOrigin('b', (_, response) => response.setHeader('Connection', 'close').end('b'));
      const health = {
        active: 'http',
        path: '/',
        interval: '50ms',
        timeout: '10s',
        fall: 1,
        passive: { connectErrors: 1 },
      };
      const config = { ...configFor([a, b], { health, retry: { attempts: 3 } }), workers };
      await using limpet = await startLimpet(runtime, { config, descriptors: plenty });
      await using client = await RawClient.connect(limpet.port);
      expect(await statusOf(client)).toBe(200);
      const checks = a.requests() + b.requests();
      await until('checks go on', () => a.requests() + b.requests() > checks + 4);

      limitTo(prlimit, limpet, none);
      await until('a check has failed for that', async () => ((await limpet.counters()).shortages_connect ?? 0) > 2);
      const refused: number[] = [];
      for (let i = 0; i < 10; i++) refused.push(await statusOf(client));
      expect(refused).toEqual(new Array(10).fill(503));
      // Operators cannot be let in either, and their listener goes on.
      const operators = Array.from({ length: 5 }, () => connect(join(limpet.folder, 'state', 'admin.sock')));
      for (const operator of operators) operator.on('error', () => {});
      const during = await limpet.counters();
      // One answer each, no second server: that would lack the same.
      expect([during.requests_refused_out_of_resources, during.retries]).toEqual([10, 0]);

      limitTo(prlimit, limpet, plenty);
      for (const operator of operators) operator.destroy();
      await until('it passes', async () => (await statusOf(client)) === 200);
      const asked = await ask('http://admin/v1/servers', { socketPath: join(limpet.folder, 'state', 'admin.sock') });
      expect(asked.status).toBe(200);
      const after = await limpet.counters();
      expect([after.ejections, after.panic_choices, after.workers_replaced]).toEqual([0, 0, 0]);
      const lines = limpet.stderr().split('\n');
      expect(lines.filter((line) => /limpet: .*(is out|is replaced)/.test(line))).toEqual([]);
      const told = lines.filter((line) => line.includes('No server is to blame; counted in shortages_connect'));
      // Of each kind one line in ten seconds, however many failed.
      expect(told.length).toBeGreaterThan(0);
      expect(told.length).toBeLessThanOrEqual(4);
    },
  );
});
