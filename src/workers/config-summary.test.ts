import { expect, test } from 'vitest';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import { summarizeChange } from './config-summary.ts';

function configOf(pools: Record<string, unknown>, more: Record<string, unknown> = {}): LimpetOptions {
  const config = { listeners: [{ address: ':80' }], pools, routes: [{ match: {}, pool: 'shop' }], ...more };
  return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
}

const s1 = { name: 's1', address: '127.0.0.1:3001' };
const shop = { servers: [s1, { name: 's2', address: '127.0.0.1:3002' }] };
const grown = { servers: [1, 3, 4, 5, 6, 7, 8].map((n) => ({ name: `s${n}`, address: `127.0.0.1:${3000 + n}` })) };
const heavy = { servers: [{ ...s1, weight: 5 }, shop.servers[1]], balance: 'random' };

const same = configOf({ shop });

test.each([
  ['nothing has changed', same, configOf({ shop })],
  ['pool cart added', same, configOf({ shop, cart: shop })],
  ['pool cart removed', configOf({ shop, cart: shop }), same],
  ['pool shop: s2 added', configOf({ shop: { servers: [s1] } }), same],
  ['pool shop: s2 removed, s3, s4, s5, s6, s7 and 1 more added', same, configOf({ shop: grown })],
  ['pool shop: s1 changed, balance changed', same, configOf({ shop: heavy })],
  ['workerTimeout changed', same, configOf({ shop }, { workerTimeout: '7s' })],
])('%s', (summary, before, after) => {
  expect(summarizeChange(before, after)).toBe(summary);
});
