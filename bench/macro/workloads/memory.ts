/** What stays in memory: a connection that does nothing, and what millions of requests leave behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../cpu.ts';
import { growth, idle } from '../kinds.ts';
import { headOf, runLoad } from '../load.ts';
import { type Load, usual, type Workload } from '../workload.ts';
import { responseBytes } from './requests.ts';

/** Before memory is read, so that what is only garbage may go. */
const rest = 1_000;

const run = (load: Load, options: readonly string[], ready?: () => Promise<void>) =>
  runLoad({
    source: 'load/http.c',
    tls: load.tls,
    core: load.core,
    port: load.port,
    heads: load.cookies.map((cookie) => headOf({ cookie })),
    options: ['-c', String(load.connections), '-l', String(responseBytes), ...options],
    ready,
  });

/** The first ones of each round do not count: they bring in code and buffers, not connections. */
const warm = 10_000;
const held = 10_000;

const idleOf = (named: Pick<Workload, 'name' | 'title' | 'stage'>): Workload => ({
  ...named,
  kind: idle,
  when: 'always',
  fresh: true,
  async run(load) {
    await run(load, ['-n', String(warm)]);
    await sleep(rest);
    const before = residentBytes(load.pid);
    let after = before;
    await run(load, ['-w', '-n', String(held)], async () => {
      await sleep(rest);
      after = residentBytes(load.pid);
    });
    return { perConnection: (after - before) / held, resident: after };
  },
});

const heldText = `${held.toLocaleString('en')} idle connections, each after one request`;

export const idleConnections = idleOf({ name: 'idle', title: heldText, stage: { ...usual, idle: held } });

export const tlsIdle = idleOf({
  name: 'tls-idle',
  title: `TLS: ${heldText}`,
  stage: { ...usual, idle: held, tls: true },
});

export const millions: Workload = {
  name: 'memory',
  title: 'Memory after 100,000 and after 10 million requests',
  kind: growth,
  stage: usual,
  when: 'named',
  fresh: true,
  async run(load) {
    await run(load, ['-n', '100000']);
    await sleep(rest);
    const early = residentBytes(load.pid);
    await run(load, ['-n', '9900000']);
    await sleep(rest);
    const late = residentBytes(load.pid);
    return { early, late, growth: late - early };
  },
};
