import { expect, test } from 'vitest';
import { type IdleConnection, IdleConnections } from './idle-connections.ts';

function connection(clientNumber: number, quarantined: boolean): IdleConnection {
  return { clientNumber, quarantined };
}

test('the last one used is the first to be used again, and no more are kept than may be', () => {
  const idle = new IdleConnections(2);
  const [a, b, c] = [1, 2, 3].map((clientNumber) => connection(clientNumber, false)) as [
    IdleConnection,
    IdleConnection,
    IdleConnection,
  ];
  expect([a, b, c].map((one) => idle.add(one))).toEqual([true, true, false]);
  expect([idle.take(9), idle.take(9), idle.take(9)]).toEqual([b, a, undefined]);
});

test('one in quarantine is for the client that had it, and for no proxy', () => {
  const idle = new IdleConnections(2);
  const [mine, proxys] = [connection(1, true), connection(0, true)];
  for (const one of [mine, proxys]) idle.add(one);
  expect([idle.take(2), idle.take(0), idle.take(1), idle.take(1)]).toEqual([undefined, undefined, mine, undefined]);
});

test('one that is ready goes before those in quarantine', () => {
  const idle = new IdleConnections(2);
  const [mine, ready] = [connection(1, true), connection(2, false)];
  for (const one of [mine, ready]) idle.add(one);
  expect([idle.take(1), idle.take(1)]).toEqual([ready, mine]);
});

test('as many may be in quarantine as may be ready, and at least 64; then the oldest is taken early', () => {
  for (const [max, most] of [
    [1, 64],
    [100, 100],
    [0, 0],
  ] as const) {
    const idle = new IdleConnections(max);
    const all = Array.from({ length: most }, (_, i) => connection(i + 1, true));
    for (const one of all.slice(0, -1)) idle.add(one);
    expect(idle.take(0)).toBe(undefined);
    for (const one of all.slice(-1)) idle.add(one);
    expect(idle.add(connection(0, true))).toBe(false);
    expect([idle.take(0), idle.take(0)]).toEqual([all[0], undefined]);
  }
});

test('one that is removed is not given to anybody', () => {
  const idle = new IdleConnections(2);
  const [quarantined, ready, left] = [connection(1, true), connection(2, false), connection(3, true)];
  for (const one of [quarantined, ready, left]) idle.add(one);
  for (const one of [quarantined, ready]) idle.remove(one);
  expect([idle.take(1), idle.removeAll(), idle.take(3)]).toEqual([undefined, [left], undefined]);
});
