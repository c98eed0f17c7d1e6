import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { EventBus } from '../events/bus.ts';
import { counterRows } from '../metrics/counters.ts';
import { LimitWatch, limitCounters } from './limit-watch.ts';

test('a limit has an event within a second, and while it goes on one every ten, with what came in between', () => {
  const time = new HandTime();
  const events = new EventBus(time, () => {});
  const seen: unknown[] = [];
  events.subscribe(({ fields }) => seen.push(Object.values(fields)));
  const counters: Record<string, number> = { connections_refused: 0, requests: 0 };
  const watch = new LimitWatch({ counters: () => counters, events, clock: time, timers: time });
  watch.start();
  time.advance(1000);
  Object.assign(counters, { connections_refused: 3, requests: 10 });
  time.advance(1000);
  expect(seen).toEqual([['connections_refused', 3]]);
  Object.assign(counters, { connections_refused: 5, sessions_evicted: 1 });
  time.advance(1000);
  Object.assign(counters, { connections_refused: 9 });
  time.advance(8000);
  expect(seen.slice(1)).toEqual([['sessions_evicted', 1]]);
  time.advance(1000);
  expect(seen.slice(2)).toEqual([['connections_refused', 6]]);
  watch.stop();
  expect(time.pending).toBe(0);
});

test('each limit is a counter', () => {
  const known = counterRows.map(({ name }) => name);
  expect(limitCounters.filter((name) => !known.includes(name))).toEqual([]);
  expect(known.filter((name) => name.startsWith('h2_limit_') && !limitCounters.includes(name))).toEqual([]);
});
