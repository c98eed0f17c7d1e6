/** What a worker keeps of former configs: nothing. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import type { PoolParts } from '../proxy/pool.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { numberAll } from '../shared/slots.ts';
import { Balancer } from './balancer.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function configOf(n: number): LimpetOptions {
  const servers = [1, 2, 3].slice(n % 2).map((port) => ({ name: `s${port}`, address: `127.0.0.1:${port}` }));
  const config = {
    listeners: [
      { address: '127.0.0.1:80', limits: { connections: 1000 + n } },
      { address: `127.0.0.1:${81 + (n % 3)}` },
    ],
    pools: {
      shop: { servers, maxIdle: 5 + (n % 4), affinity: [{ cookie: { name: 'limpet' } }, { learn: { cookie: 'sid' } }] },
      [`other-${n % 5}`]: { servers, affinity: ['source-ip'] },
    },
    routes: [{ match: { path: '/' }, pool: 'shop' }],
    keys: ['k'.repeat(40)],
  };
  return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
}

test('reloads leave nothing of the pools and listeners before the last', async () => {
  const first = configOf(0);
  const { shared, numbers, servers, lifetimes } = createSingleWorker(first, 0);
  const made: WeakRef<object>[] = [];
  const balancer = new Balancer(first, {
    net: Object.assign(new FakeNet(), { listen: async () => ({ port: 80, close: () => {} }) }),
    writeAccess: () => {},
    shared,
    numbers,
    secret: Buffer.alloc(32),
    report: () => {},
    reportShortage: () => {},
    announceRoom: () => {},
    observe: (parts: PoolParts) => {
      made.push(new WeakRef(parts), ...parts.affinities.map((affinity) => new WeakRef(affinity)));
      return parts;
    },
  });
  await balancer.start([80, 81]);
  for (let n = 1; n <= 300; n++) {
    const options = configOf(n);
    await balancer.reload(options, numberAll(options, servers, lifetimes, n), [80, 81]);
  }
  expect(made.length).toBeGreaterThan(1200);
  // Pools of former configs are let go at the next tick.
  await vi.waitFor(
    () => {
      collect();
      expect(made.filter((one) => one.deref() !== undefined).length).toBeLessThanOrEqual(10);
    },
    { timeout: 10_000 },
  );
  await balancer.stop();
});
