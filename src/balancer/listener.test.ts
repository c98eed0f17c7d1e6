/** A listener that cannot accept a connection goes on, and says why. */
import { expect, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { readConfig } from '../config/read.ts';
import type { ListenOptions } from '../net/socket.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { Balancer } from './balancer.ts';

test('errors of a listener after its start are counted and told, each of them', async () => {
  const config = { listeners: [{ address: '127.0.0.1:8080' }], pools: { a: { servers: [3001] } } };
  const keys = { keys: ['0123456789abcdef0123456789abcdef'] };
  const source = { name: 'test', locate: () => null };
  const { options } = readConfig({ ...config, ...keys }, { source, env: {}, variables: false });
  const { shared, numbers } = createSingleWorker(options, 0);
  const net = new FakeNet();
  const listening: ListenOptions[] = [];
  net.listen = (asked: ListenOptions) => {
    listening.push(asked);
    return Promise.resolve({ port: 8080, setTls() {}, close() {} });
  };
  const told: string[] = [];
  const balancer = new Balancer(options, {
    net,
    writeAccess() {},
    shared,
    numbers,
    secret: Buffer.alloc(32),
    report() {},
    announceRoom() {},
    reportShortage: (what, reason, at) => told.push(`${what} ${at}: ${reason}`),
  });
  await balancer.start([8080]);
  try {
    const [{ onError }] = listening as [ListenOptions];
    onError(Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    onError(Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    onError(new Error('accept: something else'));
  } finally {
    await balancer.stop();
  }
  expect(shared.counters.snapshot().shortages_accept).toBe(3);
  expect(told).toEqual([
    expect.stringContaining('accept 127.0.0.1:8080: this process has no descriptors left'),
    expect.stringContaining('accept 127.0.0.1:8080: this process has no descriptors left'),
    'accept 127.0.0.1:8080: accept: something else',
  ]);
});
