import { expect, test } from 'vitest';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import { Lifetimes } from '../table/lifetimes.ts';
import { ServerNumbers } from '../table/numbers.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { listenerName, numberAll, poolName, serverName } from './slots.ts';

function configOf(pools: Record<string, unknown>): LimpetOptions {
  const config = { listeners: [{ address: ':80' }], pools, routes: [{ pool: Object.keys(pools)[0]! }] };
  return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
}

const servers = ['127.0.0.1:1', '127.0.0.1:2'];

function stage(capacity = 4) {
  const table = SessionTable.create({ capacity: 1000, servers: capacity });
  const numbers = new ServerNumbers(table);
  const lifetimes = new Lifetimes(table);
  return { table, number: (options: LimpetOptions, now = 0) => numberAll(options, numbers, lifetimes, now) };
}

test('everything has a number of its own, and keeps it through other configs', () => {
  const { number } = stage(16);
  const first = number(configOf({ shop: { servers } }));
  const names = [listenerName({ kind: 'tcp', host: '', port: 80 }), poolName('shop'), ...first.slots.keys()];
  expect([...first.slots.keys()]).toEqual([...new Set(names)]);
  expect(new Set(first.slots.values()).size).toBe(4);
  number(configOf({ cart: { servers: [servers[1]] } }));
  expect(number(configOf({ cart: { servers: [servers[0]] }, shop: { servers } })).slots).toEqual(
    new Map([...first.slots, ...number(configOf({ cart: { servers: [servers[0]] }, shop: { servers } })).slots]),
  );
});

test('numbers come back from a config that is gone, and not at once', () => {
  const { number } = stage(4);
  number(configOf({ shop: { servers } }));
  const other = configOf({ shop: { servers: ['127.0.0.1:3', '127.0.0.1:4'] } });
  expect(() => number(other)).toThrow('no server number is free');
  expect(number(configOf({ shop: { servers } }), 10).slots.get(serverName('shop', '127.0.0.1:1'))).toBeDefined();
});

test('what is stored of a session has a lifetime, what is not has none', () => {
  const { number, table } = stage(16);
  const affinity = [
    { force: { header: 'Limpet-Force' } },
    { learn: { cookie: 'SID', idle: '10m', absolute: '1h' } },
    { 'source-ip': { mode: 'hash' } },
  ];
  const { lifetimes } = number(configOf({ shop: { servers, affinity } }));
  expect([...lifetimes.keys()]).toEqual(['shop learn SID   ']);
  const entry = new Entry();
  table.bind({ hi: 1, lo: 1 }, 1, 0, entry, [...lifetimes.values()][0]);
  expect([599, 600, 3600].map((now) => table.find({ hi: 1, lo: 1 }, now, entry))).toEqual(['live', 'idle', 'old']);
});
