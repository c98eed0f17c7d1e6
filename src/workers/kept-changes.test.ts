import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../config/read.ts';
import { KeptChanges } from './kept-changes.ts';
import { changesFrom, readKeptChanges, writeKeptChanges } from './kept-changes-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-kept-'));
afterAll(() => rmSync(folder, { recursive: true }));

const optionsOf = (config: unknown) =>
  readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
const poolsOf = (...servers: readonly (readonly [name: string, port: number, weight?: number])[]) =>
  optionsOf({
    listeners: [{ address: ':80' }],
    pools: {
      shop: { servers: servers.map(([name, port, weight = 1]) => ({ name, address: `127.0.0.1:${port}`, weight })) },
    },
  }).pools;
const serverOf = (pools: ReturnType<typeof poolsOf>, name: string) =>
  pools[0]!.servers.find((one) => one.name === name)!;
const told = (kept: KeptChanges, pools: ReturnType<typeof poolsOf>) =>
  kept.applyTo(kept.withAdded(pools))[0]!.servers.map(({ name, weight }) => `${name}*${weight}`);

const base = poolsOf(['a', 1], ['b', 2]);
const c = serverOf(poolsOf(['c', 3, 7]), 'c');

test('a weight holds until the config gives the server another one', () => {
  const kept = KeptChanges.none.edited('shop', serverOf(base, 'a'), { weight: 5 });
  expect(told(kept, base)).toEqual(['a*5', 'b*1']);
  expect(kept.configuredNumbers('shop', { ...serverOf(base, 'a'), weight: 5 }).weight).toBe(1);
  expect(kept.settled(base)).toEqual(kept);
  const other = poolsOf(['a', 1, 2], ['b', 2]);
  expect(told(kept, other)).toEqual(['a*2', 'b*1']);
  expect(kept.settled(other)).toEqual(KeptChanges.none);
  expect(kept.edited('shop', serverOf(base, 'a'), { weight: 1 })).toEqual(KeptChanges.none);
});

test('a state holds as long as the config has the server', () => {
  const kept = KeptChanges.none.edited('shop', serverOf(base, 'a'), { state: 'drain' });
  expect([kept.stateOf('shop', 'a'), kept.stateOf('shop', 'b')]).toEqual(['drain', 'ready']);
  expect(kept.settled(poolsOf(['a', 9])).stateOf('shop', 'a')).toBe('drain');
  expect(kept.settled(poolsOf(['b', 2])).byServer.size).toBe(0);
  expect(kept.edited('shop', serverOf(base, 'a'), { state: 'ready' })).toEqual(KeptChanges.none);
});

test('an added server is the config’s as soon as it is named there', () => {
  const kept = KeptChanges.none.add('shop', c).edited('shop', c, { state: 'down', weight: 3 });
  expect(told(kept, base)).toEqual(['a*1', 'b*1', 'c*3']);
  expect(kept.isAdded('shop', 'c')).toBe(true);
  expect(kept.settled(base)).toEqual(kept);
  const named = poolsOf(['a', 1], ['c', 30, 2]);
  expect(told(kept, named)).toEqual(['a*1', 'c*2']);
  expect([...kept.settled(named).byServer]).toEqual([['shop/c', { state: 'down' }]]);
  expect(kept.remove('shop', c)).toEqual(KeptChanges.none);
  expect(kept.settled([])).toEqual(KeptChanges.none);
});

test('a removed server is back when it is added, gone from the config, or elsewhere', () => {
  const kept = KeptChanges.none.remove('shop', serverOf(base, 'a'));
  expect(told(kept, base)).toEqual(['b*1']);
  expect(kept.settled(base)).toEqual(kept);
  expect(told(kept, poolsOf(['a', 9], ['b', 2]))).toEqual(['a*1', 'b*1']);
  expect(kept.settled(poolsOf(['a', 9], ['b', 2]))).toEqual(KeptChanges.none);
  expect(kept.settled(poolsOf(['b', 2]))).toEqual(KeptChanges.none);
  expect(told(kept.add('shop', serverOf(base, 'a')), base)).toEqual(['a*1', 'b*1']);
  expect(told(kept, poolsOf(['a', 1]))).toEqual(['a*1']);
});

test('what is written is read, and nothing else lies beside it', () => {
  const file = join(folder, 'state', 'servers.json');
  expect(readKeptChanges(file)).toEqual(KeptChanges.none);
  const kept = KeptChanges.none
    .add('shop', c)
    .remove('shop', serverOf(base, 'a'))
    .edited('shop', serverOf(base, 'b'), { state: 'down', weight: 0, maxRequests: 9 });
  writeKeptChanges(file, kept);
  expect(readKeptChanges(file)).toEqual(kept);
  expect(readdirSync(join(folder, 'state'))).toEqual(['servers.json']);
});

test.each(['', '[]', '{"shop/a":1}', '{"shop/a":{"state":"up"}}', '{"shop/a":{"weight":2}}', '{"shop/a":{"x":1}}'])(
  '%j is refused',
  (text) => {
    const file = join(folder, 'damaged.json');
    writeFileSync(file, text);
    expect(() => readKeptChanges(file)).toThrow('holds no changes of servers, such as {"shop/s1":{"state":"drain"}}');
  },
);

test('a file that cannot be written is named', () => {
  const write = () => writeKeptChanges(join(folder, 'damaged.json', 'x'), KeptChanges.none);
  expect(write).toThrow(/cannot be written to .*: E(NOTDIR|EXIST)/);
});

test('what other nodes say is taken as far as it is changes of servers', () => {
  const orders = new Map([
    ['shop/a', '{"state":"drain"}'],
    ['shop/b', '{"weight":{"value":2,"over":1}}'],
    ['shop/c', '{"state":"asleep"}'],
    ['shop/d', 'no JSON'],
    ['shop/e', '{"removed":{"kind":"tcp"}}'],
  ]);
  expect([...changesFrom(orders).byServer.keys()]).toEqual(['shop/a', 'shop/b']);
});
