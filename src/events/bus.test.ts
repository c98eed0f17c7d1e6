import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { EventBus, mostKeptEvents } from './bus.ts';
import type { LimpetEvent } from './event.ts';

function stage() {
  const time = new HandTime();
  time.advance(5000);
  const failures: unknown[] = [];
  return { time, failures, bus: new EventBus(time, (error) => failures.push(error)) };
}

const ready = { pool: 'shop', server: 's1', reason: 'by an operator' };

test('a subscriber gets each event with its number, time, name and fields, until it leaves', () => {
  const { time, bus } = stage();
  const got: LimpetEvent[] = [];
  bus.publish('server.drained', ready);
  const leave = bus.subscribe((event) => got.push(event));
  time.advance(10);
  bus.publish('server.ready', ready);
  leave();
  bus.publish('server.drained', ready);
  const wall = Math.floor(time.wall());
  expect(got).toEqual([{ id: wall - 10 + 1, time: wall, name: 'server.ready', fields: ready }]);
});

test('numbers go up from one start to the next', () => {
  const { time, bus } = stage();
  bus.publish('server.ready', ready);
  const [last] = bus.since(0);
  time.advance(1000);
  const next = new EventBus(time, () => {});
  next.publish('server.drained', ready);
  expect(next.since(last?.id ?? 0).map(({ name }) => name)).toEqual(['server.drained']);
});

test('the last 1,000 are kept; an id that is gone, or of the future, is no error', () => {
  const { bus } = stage();
  for (let n = 0; n < mostKeptEvents + 5; n++) bus.publish('worker.replaced', { worker: n, reason: '' });
  const kept = bus.since(0);
  expect(kept).toHaveLength(mostKeptEvents);
  expect(kept[0]?.fields.worker).toBe(5);
  const last = kept.at(-1)?.id ?? 0;
  expect(bus.since(last - 2).map(({ fields }) => fields.worker)).toEqual([mostKeptEvents + 3, mostKeptEvents + 4]);
  expect(bus.since(last)).toEqual([]);
  expect(bus.since(last + 100)).toEqual([]);
});

test('a subscriber that throws, or changes what it got, does not disturb the others, and is reported once', () => {
  const { bus, failures } = stage();
  const got: unknown[] = [];
  bus.subscribe(() => {
    throw new Error('broken');
  });
  bus.subscribe(({ fields }) => {
    (fields as Record<string, unknown>).reason = 'changed';
  });
  bus.subscribe(({ fields }) => got.push(fields.reason));
  bus.publish('server.ready', ready);
  bus.publish('server.ready', ready);
  expect(got).toEqual(['by an operator', 'by an operator']);
  expect(failures.map(String)).toEqual(['Error: broken', expect.stringContaining('TypeError')]);
});

test('what a subscriber publishes comes after the event that it got, for all', () => {
  const { bus } = stage();
  const got: string[] = [];
  bus.subscribe(({ name }) => {
    if (name === 'server.drained') bus.publish('server.empty', { pool: 'shop', server: 's1' });
  });
  bus.subscribe(({ name }) => got.push(name));
  bus.publish('server.drained', ready);
  expect(got).toEqual(['server.drained', 'server.empty']);
});
