/** How many sockets a limit leaves, and what is said of it. */
import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import type { LimpetOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import { clientRoom, Descriptors } from '../net/descriptors.ts';
import { DescriptorRoom, systemLimits } from './descriptor-room.ts';

function configOf(connections: number, workers = 1): LimpetOptions {
  const config = {
    listeners: [{ address: ':80', limits: { connections } }],
    pools: { shop: { affinity: 'source-ip', servers: [3001, 3002] } },
    workers,
  };
  return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
}

function stage(limit: number | null, open = 20) {
  const time = new HandTime();
  const descriptors = Descriptors.single();
  const said: string[] = [];
  const process = { limit, open };
  const room = new DescriptorRoom({
    descriptors,
    limits: { limit: () => process.limit, open: () => process.open },
    timers: time,
    log: { info: (line) => said.push(`info ${line}`), warn: (line) => said.push(`warn ${line}`) },
  });
  return { time, descriptors, said, process, room };
}

test('a limit below what the config allows is told, with the one that would do, and once only', () => {
  const { said, room, descriptors } = stage(1024);
  room.follow(configOf(5000));
  room.follow(configOf(5000));
  const clients = clientRoom(descriptors.room);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain(`warn ulimit -n is 1024: room for ${clients} client connections`);
  const enough = Number(/ulimit -n (\d+),/.exec(said[0] ?? '')?.[1]);
  const better = stage(enough);
  better.room.follow(configOf(5000));
  expect(better.said).toEqual([]);
});

test('of a limit that leaves room for many it is no warning', () => {
  const { said, room } = stage(20_000);
  room.follow(configOf(100_000));
  expect(said.map((line) => line.split(' ')[0])).toEqual(['info']);
});

test('where the limit is not known there is none', () => {
  const { said, room, descriptors } = stage(null);
  room.follow(configOf(100_000));
  expect([said, descriptors.room]).toEqual([[], 0]);
});

test('what else is open leaves less room, and more when it is closed', () => {
  const { time, room, descriptors, process } = stage(1024, 20);
  room.follow(configOf(100));
  room.start();
  const first = descriptors.room;
  process.open = 220;
  time.advance(1000);
  expect(descriptors.room).toBe(first - 200);
  // Sockets that are counted are not something else.
  for (let i = 0; i < 100; i++) descriptors.add(1);
  process.open = 320;
  time.advance(1000);
  expect(descriptors.room).toBe(first - 200);
  process.open = 120;
  time.advance(1000);
  expect(descriptors.room).toBe(first);
  room.stop();
  expect(time.pending).toBe(0);
});

test('however low the limit, some clients are served, and some descriptors are kept', () => {
  for (const limit of [32, 64, 128, 256]) {
    const { room, descriptors } = stage(limit, 20);
    room.follow(configOf(100, 4));
    expect(clientRoom(descriptors.room)).toBeGreaterThan(2);
    if (limit > 64) expect(descriptors.room).toBeLessThan(limit - 20);
  }
});

test('the system tells both', () => {
  expect(systemLimits.limit()).toBeGreaterThan(0);
  expect(systemLimits.open()).toBeGreaterThan(0);
});
