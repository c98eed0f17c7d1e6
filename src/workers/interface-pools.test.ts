import { expect, test } from 'vitest';
import type { InterfacePool } from '../admin/store-interface.ts';
import { Load } from '../fleet/load.ts';
import { Server } from '../fleet/server.ts';
import type { Replicator } from '../ownership/replicator.ts';
import { InterfacePools } from './interface-pools.ts';

/** Servers by slot, in one pool. */
function poolOf(load: Load, slots: readonly number[]): InterfacePool {
  const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
  const servers = slots.map((slot) => {
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot + 100, slot, load);
  });
  return {
    replicator: {} as Replicator,
    servers: new Map(servers.map((server) => [server.slot, server])),
    lifetime: 0,
  };
}

function stage() {
  const load = new Load(Load.create(8, 1), 8, 0);
  const time = { now: 1000 };
  const pools = new InterfacePools(load, () => time.now);
  const follow = (...slots: number[]) => {
    const pool = poolOf(load, slots);
    pools.follow(new Map([['shop', pool]]));
    return pool;
  };
  return { load, time, pools, follow };
}

test('a server that has left comes as long as exchanges run there, and a while after the last', () => {
  const { load, time, pools, follow } = stage();
  follow(1, 2);
  load.run(1, 1);
  const today = follow(2);
  time.now += 3600;
  pools.forget();
  // In its own name, and with the owners of today.
  expect(pools.find('shop', 1)).toMatchObject({ server: { slot: 1 }, pool: today });
  load.run(1, -1);
  time.now += 59;
  expect([pools.find('shop', 1)?.server.slot, pools.expects(1)]).toEqual([1, true]);
  time.now += 1;
  expect([pools.find('shop', 1), pools.expects(1)]).toEqual([undefined, false]);
  expect(pools.find('shop', 2)?.server.slot).toBe(2);
});

test('so does one whose whole pool has left, with what its pool was', () => {
  const { load, time, pools, follow } = stage();
  const before = follow(1);
  load.run(1, 1);
  pools.follow(new Map());
  pools.follow(new Map([['other', poolOf(load, [3])]]));
  time.now += 3600;
  expect(pools.find('shop', 1)).toEqual({ pool: before, server: before.servers.get(1) });
  expect(pools.find('other', 1)).toBeUndefined();
});

test('one that comes back is the one of the config', () => {
  const { time, pools, follow } = stage();
  const before = follow(1);
  follow(2);
  const after = follow(1, 2);
  expect(pools.find('shop', 1)?.server).toBe(after.servers.get(1));
  expect(pools.find('shop', 1)?.server).not.toBe(before.servers.get(1));
  time.now += 3600;
  expect(pools.find('shop', 1)?.server).toBe(after.servers.get(1));
});
