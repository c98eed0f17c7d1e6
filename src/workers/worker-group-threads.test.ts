import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import type { WorkerInit } from './messages.ts';
import { WorkerGroup } from './worker-group.ts';
import { spawnFrom } from './worker-thread.ts';

const entry = new URL('../../test/support/thread-entry.ts', import.meta.url);

function stage(count: number) {
  const time = new HandTime();
  const orders = new Int32Array(new SharedArrayBuffer(12));
  const said: string[] = [];
  const lost: number[] = [];
  const listening: string[] = [];
  /** Starts that fail before there is a thread. */
  const starts = { failing: 0, count: 0 };
  let configs = 1;
  const group: WorkerGroup = new WorkerGroup({
    spawn: spawnFrom(entry),
    count,
    clock: time,
    timers: time,
    log: { warn: (text) => void said.push(text.split('\n')[0]!) },
    initFor: (worker) => {
      starts.count++;
      if (starts.failing-- > 0) throw new Error('no more threads');
      return { worker, buffers: { table: orders.buffer }, config: config(), store: null } as unknown as WorkerInit;
    },
    configFor: config,
    configVersion: () => configs,
    onListening: (worker, { ports }) => void listening.push(`${worker}: ${ports[0]}`),
    onEvent: () => {},
    onLost: (worker) => void lost.push(worker),
  });
  function config(): WorkerInit['config'] {
    return { versions: { configs, health: 0 } } as unknown as WorkerInit['config'];
  }
  onTestFinished(() => group.terminate());
  const publish = () => ++configs;
  /** Moves time to the end of the pause, and waits for what happens then. */
  const next = async (ms: number, what: () => void) => {
    time.advance(ms);
    await vi.waitFor(what, { timeout: 10_000, interval: 2 });
  };
  return { group, time, orders, said, lost, listening, starts, publish, next };
}

describe('a worker that fails', () => {
  test('again and again is started anew after 0, 100, 200 ... 10,000 ms, for ever, and lives when it can', async () => {
    const { group, time, orders, said, lost, listening, starts, next } = stage(1);
    await group.start();
    orders[0] = 1;
    orders[2] = 1;
    group.broadcast({ kind: 'room', pool: 'shop' });
    await vi.waitFor(() => expect(lost).toHaveLength(1), { timeout: 10_000 });
    orders[2] = 0;
    const pauses = [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000];
    for (const [n, pause] of pauses.entries()) {
      // Not a moment before.
      if (pause > 0) time.advance(pause - 1);
      expect(starts.count).toBe(n + 1);
      await next(pause > 0 ? 1 : 0, () => expect(lost).toHaveLength(n + 2));
      expect(time.pending).toBe(1);
    }
    expect(said).toHaveLength(pauses.length + 1);
    expect(said[0]).toBe('worker 1 failed and is replaced: Error: it fails when a message comes');
    expect(said.at(-1)).toBe('worker 1 failed and is replaced: Error: it fails at once');
    orders[0] = 0;
    await next(10_000, () => expect(listening).toEqual(['0: 1', '0: 1']));
    // After a minute that went well the next one follows at once.
    time.advance(60_000);
    orders[2] = 1;
    group.broadcast({ kind: 'room', pool: 'shop' });
    await vi.waitFor(() => expect(lost).toHaveLength(pauses.length + 2), { timeout: 10_000 });
    orders[2] = 0;
    await next(0, () => expect(listening).toHaveLength(3));
  }, 60_000);

  test.each([
    [1, 'it fails at once'],
    [2, 'it cannot listen'],
  ])('to start in place of another one is logged once and tried again (%i)', async (order, why) => {
    const { group, orders, said, lost, listening, next } = stage(2);
    await group.start();
    orders[0] = order;
    orders[2] = 1;
    group.broadcast({ kind: 'room', pool: 'shop' }, 0);
    await vi.waitFor(() => expect(lost).toEqual([1]), { timeout: 10_000 });
    orders[2] = 0;
    await next(0, () => expect(lost).toEqual([1, 1]));
    expect(said[1]).toBe(`worker 2 failed and is replaced: Error: ${why}`);
    orders[0] = 0;
    await next(100, () => expect(listening).toHaveLength(3));
    expect(said).toHaveLength(2);
  });

  test('for which there is no thread is tried again', async () => {
    const { group, orders, said, lost, listening, starts, next } = stage(1);
    await group.start();
    starts.failing = 1;
    orders[2] = 1;
    group.broadcast({ kind: 'room', pool: 'shop' });
    await vi.waitFor(() => expect(lost).toHaveLength(1), { timeout: 10_000 });
    orders[2] = 0;
    await next(0, () => expect(lost).toHaveLength(2));
    expect(said[1]).toBe('worker 1 failed and is replaced: Error: no more threads');
    await next(100, () => expect(listening).toHaveLength(2));
  });

  test('that says nothing is ended after a minute, and replaced', async () => {
    const { group, orders, lost, said, listening, starts, next } = stage(1);
    await group.start();
    orders[0] = 3;
    orders[2] = 1;
    group.broadcast({ kind: 'room', pool: 'shop' });
    await vi.waitFor(() => expect(lost).toHaveLength(1), { timeout: 10_000 });
    orders[2] = 0;
    await next(0, () => expect(starts.count).toBe(2));
    orders[0] = 0;
    await next(60_000, () => expect(lost).toHaveLength(2));
    expect(said[1]).toBe('worker 1 failed and is replaced: Error: it does not listen after 60000 ms');
    await next(100, () => expect(listening).toHaveLength(2));
  });
});

test.each([
  [1, 'it fails at once'],
  [2, 'it cannot listen'],
])('a start with a worker that cannot start fails with its error, and replaces nobody (%i)', async (order, why) => {
  const { group, time, orders, said, lost } = stage(2);
  orders[0] = order;
  await expect(group.start()).rejects.toThrow(why);
  expect([said, lost, time.pending]).toEqual([[], [], 0]);
});

describe('another config', () => {
  test('is applied by all, and by one that starts meanwhile when it listens', async () => {
    const { group, orders, lost, listening, publish, next } = stage(2);
    await group.start();
    orders[2] = 1;
    group.broadcast({ kind: 'room', pool: 'shop' }, 0);
    await vi.waitFor(() => expect(lost).toEqual([1]), { timeout: 10_000 });
    orders[2] = 0;
    await next(0, () => {});
    // Many, one after the other, while it starts: on Node each of them used to be taken for the answer to its start.
    for (let n = 0; n < 5; n++) {
      publish();
      await group.reload();
    }
    expect(lost).toEqual([1]);
    expect(listening.filter((one) => one === '0: 6')).toHaveLength(1);
    expect(listening.at(-1)).toMatch(/: 6$/);
    expect(listening.filter((one) => one.startsWith('1: ')).at(-1)).toBe('1: 6');
  });

  test('that one cannot apply is reported, and those that can go back do; nobody is lost', async () => {
    const { group, orders, lost, listening, publish } = stage(2);
    await group.start();
    orders[1] = publish();
    await expect(group.reload()).rejects.toMatchObject({ message: 'not this one', code: 'ENOT' });
    publish();
    await group.reload(true);
    expect(listening).toEqual(['0: 1', '1: 1', '0: 3', '1: 3']);
    expect(lost).toEqual([]);
  });

  test('requests at one time have their own replies', async () => {
    const { group, publish } = stage(2);
    await group.start();
    publish();
    const [reloaded, , stopped] = await Promise.all([group.reload(), group.sync(), group.stop(1000)]);
    expect([reloaded, stopped]).toEqual([undefined, true]);
  });
});

test('a stop while a worker pauses or starts waits for nothing', async () => {
  const { group, time, orders, lost, starts, next } = stage(2);
  await group.start();
  orders[0] = 1;
  orders[2] = 1;
  group.broadcast({ kind: 'room', pool: 'shop' }, 0);
  await vi.waitFor(() => expect(lost).toEqual([1]), { timeout: 10_000 });
  orders[2] = 0;
  await next(0, () => expect(lost).toEqual([1, 1]));
  expect(await group.stop(1000)).toBe(true);
  expect([time.pending, starts.count]).toEqual([0, 3]);
});
