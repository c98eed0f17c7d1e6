import { expect, test } from 'vitest';
import type { ServerConnection } from './connection.ts';
import { IdleConnections } from './idle-connections.ts';

/** What is looked at of a connection. */
function connection(user: number, rests: boolean): ServerConnection {
  return { user, rests } as ServerConnection;
}

test('the last one used is the first to be used again, and no more are kept than may be', () => {
  const idle = new IdleConnections(2);
  const [a, b, c] = [1, 2, 3].map((user) => connection(user, false)) as [
    ServerConnection,
    ServerConnection,
    ServerConnection,
  ];
  expect([a, b, c].map((one) => idle.keep(one))).toEqual([true, true, false]);
  expect([idle.take(9), idle.take(9), idle.take(9)]).toEqual([b, a, undefined]);
});

test('one that rests is for the client that had it, and for no proxy', () => {
  const idle = new IdleConnections(2);
  const [mine, proxys] = [connection(1, true), connection(0, true)];
  for (const one of [mine, proxys]) idle.keep(one);
  expect([idle.take(2), idle.take(0), idle.take(1), idle.take(1)]).toEqual([undefined, undefined, mine, undefined]);
});

test('one that is ready goes before those that rest', () => {
  const idle = new IdleConnections(2);
  const [mine, ready] = [connection(1, true), connection(2, false)];
  for (const one of [mine, ready]) idle.keep(one);
  expect([idle.take(1), idle.take(1)]).toEqual([ready, mine]);
});

test('as many rest as may be ready, 64 at least; then the first of them is taken before its time', () => {
  for (const [max, most] of [
    [1, 64],
    [100, 100],
    [0, 0],
  ] as const) {
    const idle = new IdleConnections(max);
    const all = Array.from({ length: most }, (_, i) => connection(i + 1, true));
    for (const one of all.slice(0, -1)) idle.keep(one);
    expect(idle.take(0)).toBe(undefined);
    for (const one of all.slice(-1)) idle.keep(one);
    expect(idle.keep(connection(0, true))).toBe(false);
    expect([idle.take(0), idle.take(0)]).toEqual([all[0], undefined]);
  }
});

test('one that is forgotten is not given to anybody', () => {
  const idle = new IdleConnections(2);
  const [rests, ready, left] = [connection(1, true), connection(2, false), connection(3, true)];
  for (const one of [rests, ready, left]) idle.keep(one);
  for (const one of [rests, ready]) idle.forget(one);
  expect([idle.take(1), idle.empty(), idle.take(3)]).toEqual([undefined, [left], undefined]);
});
