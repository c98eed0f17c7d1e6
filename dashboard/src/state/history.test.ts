/** The ring of samples, and what is computed from polled figures. */
import { expect, test } from 'vitest';
import { History } from './history.ts';
import { quantileBetween, readBuckets } from './quantiles.ts';
import { ratesBetween } from './rates.ts';

test('the history keeps the last samples in order, with gaps', () => {
  const history = new History(3);
  expect(history.read(['live'])).toEqual([[], []]);
  expect(history.latest('live')).toBeNull();
  for (const [time, live] of [
    [1, 10],
    [2, 20],
    [3, undefined],
    [4, 40],
  ] as const) {
    history.add(time, live === undefined ? {} : { live });
  }
  expect(history.read(['live', 'p99'])).toEqual([
    [2, 3, 4],
    [20, null, 40],
    [null, null, null],
  ]);
  expect(history.latest('live')).toBe(40);
  expect(history.size).toBe(3);
});

test('rates are per second, and a restart of the balancer counts from 0', () => {
  const before = { time: 1_000, counters: { requests: 100, responses_5xx: 7, sessions_new: 1 } };
  const now = { time: 3_000, counters: { requests: 160, responses_5xx: 4, sessions_new: 2, sessions_learned: 5 } };
  expect(ratesBetween(before, now)).toMatchObject({ requests: 30, serverErrors: 2, begun: 3, rescued: 0 });
  expect(ratesBetween(now, now)).toEqual({});
});

const metrics = (few: number, all: number) =>
  [
    '# TYPE limpet_request_duration_seconds histogram',
    `limpet_request_duration_seconds_bucket{le="0.01",pool="shop",server="s1"} ${few}`,
    `limpet_request_duration_seconds_bucket{pool="shop",server="s1",le="0.1"} ${all}`,
    `limpet_request_duration_seconds_bucket{pool="shop",server="s2",le="0.1"} 0`,
    `limpet_request_duration_seconds_bucket{pool="shop",server="s1",le="+Inf"} ${all}`,
    'limpet_other_bucket{le="1"} 9',
    `limpet_request_duration_seconds_count{pool="shop"} ${all}`,
  ].join('\n');

test('quantiles come from the growth of a histogram, over all labels', () => {
  const buckets = (few: number, all: number) => readBuckets(metrics(few, all), 'limpet_request_duration_seconds');
  expect([...buckets(3, 4)]).toEqual([
    [0.01, 3],
    [0.1, 4],
    [Number.POSITIVE_INFINITY, 4],
  ]);
  expect(quantileBetween(buckets(0, 0), buckets(50, 100), 0.25)).toBeCloseTo(5);
  expect(quantileBetween(buckets(0, 0), buckets(50, 100), 0.75)).toBeCloseTo(55);
  expect(quantileBetween(buckets(50, 100), buckets(150, 200), 0.99)).toBeCloseTo(9.9);
  expect(quantileBetween(buckets(5, 5), buckets(5, 5), 0.5)).toBeNull();
});
