/** Hundreds of reloads: what the process holds stays about what it was. (src/limpet.test.ts counts the objects.) */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** Each takes its own time; LIMPET_RELOADS=1500 for the long form. */
const reloads = Number(process.env.LIMPET_RELOADS ?? 300);

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe.each(runtimes)('on %s', (runtime) => {
  test(`${reloads} reloads under traffic do not triple the memory`, { timeout: 600_000 }, async () => {
    await using origins = await together(
      ['a', 'b', 'c'].map((name) => httpOrigin(name, (_, response) => response.end(name))),
    );
    const affinity = [{ cookie: { name: 'limpet' } }, { learn: { cookie: 'sid' } }];
    // Three sets of servers, and pools that are never alike twice in a row.
    const config = (n: number) => {
      const servers = [origins, origins.slice(0, 2), origins.slice(1)][n % 3]!;
      return { ...configFor(servers, { maxIdle: 4 + (n % 2), affinity }), workers: 2 };
    };
    await using limpet = await startLimpet(runtime, { config: config(0) });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const before = residentKb(limpet.pid);
    for (let n = 1; n <= reloads; n++) {
      await limpet.reload(config(n));
      await Promise.all(Array.from({ length: 4 }, () => ask(limpet.url, { agent })));
    }
    agent.destroy();
    expect((await limpet.counters()).reloads).toBe(reloads);
    // Three times is what the issue was about; the pools of 300 reloads alone once were that much.
    expect(residentKb(limpet.pid) / before).toBeLessThan(reloads > 1000 ? 3 : 2.2);
  });
});
