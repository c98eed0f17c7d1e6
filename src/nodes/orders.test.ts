import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { needProgram } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { RedisCluster } from '../../test/support/redis-cluster.ts';
import { until } from '../../test/support/until.ts';
import type { RedisConnection } from '../store/redis-connection.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import { connectFleet, FleetStore } from './fleet-store.ts';
import type { KeyRing } from './key-ring.ts';
import { nodeScripts } from './node-scripts.ts';
import { Orders, type ServerOrders } from './orders.ts';
import { digestName, storeNames, wakeChannel } from './store-names.ts';

async function stage(context: Parameters<typeof needProgram>[0]) {
  needProgram(context, 'redis');
  const redis = await RedisServer.start();
  onTestFinished(() => redis.kill());
  const connection = await connect(redis.url);
  return { redis, store: new FleetStore(connection) };
}

async function connect(url: string): Promise<RedisConnection> {
  const connection = await connectFleet({ store: url, timeout: 2000 }, () => systemClock.now(), systemTimers);
  onTestFinished(() => connection.close());
  await connection.ready();
  return connection;
}

function node(store: FleetStore, own: ServerOrders = new Map(), folder = stateFolder()) {
  const lines: string[] = [];
  const log = {
    info: () => undefined,
    warn: (line: string) => void lines.push(line),
    error: (line: string) => void lines.push(line),
  };
  const found = { holds: own, ring: [] as KeyRing, refuses: '' };
  const orders = new Orders({
    store,
    file: join(folder, 'orders.json'),
    adopt: async (next) => {
      if (found.refuses !== '') throw new Error(found.refuses);
      found.holds = next;
    },
    adoptRing: async (ring) => {
      found.ring = ring;
    },
    ring: () => found.ring,
    log,
  });
  orders.read(own);
  const say = (server: string, text: string) => {
    found.holds = new Map(found.holds).set(server, text);
    orders.said(new Map([[server, text]]));
  };
  return { orders, found, lines, folder, say };
}

function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-orders-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const drain = '{"state":"drain"}';
const down = '{"state":"down"}';

test('of what two nodes say of one server while the store is away, the one that is sent later holds', async (context) => {
  const { store } = await stage(context);
  const [a, b] = [node(store), node(store)];
  a.say('shop/s', drain);
  b.say('shop/s', down);
  await a.orders.sync(0);
  expect(a.orders.revision).toBe(1);
  await b.orders.sync(1);
  expect(b.orders.revision).toBe(2);
  await a.orders.sync(2);
  for (const one of [a, b]) {
    expect(one.orders.all).toEqual(new Map([['shop/s', down]]));
    expect(one.orders.unsent).toEqual([]);
  }
  expect(a.found.holds).toEqual(new Map([['shop/s', down]]));
});

test('a store that was emptied gets them back, and a node that was away takes them', async (context) => {
  const { store } = await stage(context);
  const [a, b] = [node(store), node(store)];
  a.say('shop/s', drain);
  await a.orders.sync(0);
  await b.orders.sync(1);
  await store.run("return { redis.call('FLUSHALL').ok }", [], []);
  await b.orders.sync(0);
  expect(b.lines.join()).toContain('this node has put them back');
  await a.orders.sync(1);
  const c = node(store);
  await c.orders.begin();
  expect(c.found.holds).toEqual(new Map([['shop/s', drain]]));
  expect([a, b, c].map(({ orders }) => orders.revision)).toEqual([1, 1, 1]);
});

test('one that cannot be carried out is told, and tried again when it may be possible', async (context) => {
  const { store } = await stage(context);
  const [a, b] = [node(store), node(store)];
  a.say('shop/s', drain);
  await a.orders.sync(0);
  b.found.refuses = 'no room';
  await b.orders.sync(1);
  await b.orders.sync(1);
  expect([b.orders.revision, b.orders.failure, b.lines.length]).toEqual([0, 'no room', 1]);
  b.found.refuses = '';
  b.orders.retry();
  await b.orders.sync(1);
  expect([b.orders.revision, b.orders.failure]).toEqual([1, '']);
});

test('what was not sent is sent after a restart; a file with something else is passed over', async (context) => {
  const { store } = await stage(context);
  const a = node(store);
  a.say('shop/s', drain);
  const again = node(store, new Map(), a.folder);
  expect(again.orders.unsent).toEqual(['shop/s']);
  await again.orders.begin();
  expect(again.orders.unsent).toEqual([]);
  writeFileSync(join(a.folder, 'orders.json'), '[]');
  const third = node(store, new Map(), a.folder);
  expect(third.lines.join()).toContain('holds no orders of a fleet');
  await third.orders.begin();
  expect(third.found.holds).toEqual(new Map([['shop/s', drain]]));
});

test('of two nodes that change the ring at once one succeeds, and both have its ring', async (context) => {
  const { store } = await stage(context);
  const key = (digit: string) => ({ key: Buffer.from(digit.repeat(64), 'hex'), made: 1 });
  const ring = [key('a')];
  const [a, b] = [node(store), node(store)];
  a.found.ring = b.found.ring = ring;
  await store.create('{limpet-fleet}:keys', `{"keys":[{"key":"${'a'.repeat(64)}","made":1}]}`);
  expect(await a.orders.changeRing(ring, [...ring, key('b')])).toBe(true);
  expect(await b.orders.changeRing(ring, [...ring, key('c')])).toBe(false);
  await b.orders.sync(a.orders.revision);
  expect(a.found.ring).toEqual([key('a'), key('b')]);
  expect(b.found.ring).toEqual(a.found.ring);
});

test('in a cluster of three: orders, a beat with all its keys, and the wake-up', {
  timeout: 60_000,
}, async (context) => {
  needProgram(context, 'redis');
  await using cluster = await RedisCluster.start();
  const [store, other] = [new FleetStore(await connect(cluster.url)), await connect(cluster.url)];
  const messages: string[] = [];
  await other.subscribe(wakeChannel, (text) => messages.push(text));
  const [a, b] = [node(store), node(new FleetStore(other))];
  a.say('shop/s', drain);
  await a.orders.sync(0);
  await b.orders.begin();
  expect(b.found.holds).toEqual(new Map([['shop/s', drain]]));
  const names = [storeNames.nodes, storeNames.revision, digestName('00'), storeNames.secret, storeNames.keys];
  await until('it is woken', async () => {
    const reply = await store.run(nodeScripts.beat, names, ['11111111', '{}', 60_000, 60_000, wakeChannel, 'ab', '']);
    expect(reply.slice(1, 5)).toEqual(['1', '0', expect.any(String), '1']);
    return messages.includes('11111111');
  });
});
