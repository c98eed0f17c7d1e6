import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { exchangeTrace } from '../../test/support/traces.ts';
import { Counters } from '../metrics/counters.ts';
import { TraceBatch } from './batch.ts';
import type { ExchangeTrace } from './record.ts';

function stage(maxSpans: number) {
  const time = new HandTime();
  const counters = new Counters();
  const sent: (readonly ExchangeTrace[])[] = [];
  const batch = new TraceBatch({ send: (traces) => void sent.push(traces), timers: time, counters, maxSpans });
  return {
    time,
    sent,
    batch,
    dropped: () => counters.snapshot().spans_dropped,
    sizes: () => sent.map((one) => one.length),
  };
}

test('traces of 100 ms go together', () => {
  const { batch, time, sizes } = stage(1000);
  batch.add(exchangeTrace());
  time.advance(60);
  batch.add(exchangeTrace());
  expect(sizes()).toEqual([]);
  time.advance(40);
  expect(sizes()).toEqual([2]);
  expect(time.pending).toBe(0);
});

test('a full batch goes at once, and the rest when the thread ends', () => {
  const { batch, time, sizes } = stage(1000);
  for (let n = 0; n < 65; n++) batch.add(exchangeTrace());
  expect(sizes()).toEqual([64]);
  batch.flush();
  batch.flush();
  expect(sizes()).toEqual([64, 1]);
  expect(time.pending).toBe(0);
});

test('what the supervisor does not take is bounded: more is dropped and counted, until it takes some', () => {
  const { batch, sizes, dropped } = stage(4);
  // Two spans each.
  for (let n = 0; n < 3; n++) batch.add(exchangeTrace());
  expect(dropped()).toBe(2);
  batch.flush();
  batch.add(exchangeTrace());
  expect(dropped()).toBe(4);
  batch.taken();
  batch.add(exchangeTrace());
  batch.flush();
  expect(sizes()).toEqual([2, 1]);
  expect(dropped()).toBe(4);
  // One answer too many changes nothing.
  batch.taken();
  batch.taken();
  for (let n = 0; n < 3; n++) batch.add(exchangeTrace());
  expect(dropped()).toBe(6);
});
