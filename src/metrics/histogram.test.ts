import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addHistogram,
  bucketOf,
  distributionOf,
  histogramWords,
  observe,
  publishedBounds,
  quantileOf,
  startOf,
} from './histogram.ts';

const lastBucket = histogramWords - 2;
/** Durations from far below a bucket to beyond the last, as many of each size. */
const durations = fc.double({ min: -5, max: 6, noNaN: true }).map((exponent) => 10 ** exponent);

function filled(observed: readonly number[]): Float64Array {
  const words = new Float64Array(histogramWords);
  for (const ms of observed) observe(words, 0, ms);
  return words;
}

describe('the buckets', () => {
  test('follow each other without a gap, and grow by a quarter at most above a quarter of a millisecond', () => {
    for (let bucket = 0; bucket <= lastBucket; bucket++) {
      expect(bucketOf(startOf(bucket))).toBe(bucket);
      if (bucket === 0) continue;
      expect(bucketOf(startOf(bucket) * (1 - 2 ** -50))).toBe(bucket - 1);
      if (startOf(bucket) >= 0.25) expect(startOf(bucket + 1) / startOf(bucket)).toBeLessThanOrEqual(1.25);
    }
  });

  test('take every duration', () => {
    expect(startOf(lastBucket)).toBe(131_072);
    for (const ms of [131_072, 1e9, 1e300, Number.POSITIVE_INFINITY]) expect(bucketOf(ms)).toBe(lastBucket);
    // A clock that is handed in may go back.
    for (const ms of [0, 0.01, -3, -1e12, Number.NaN]) expect(bucketOf(ms)).toBe(0);
    fc.assert(
      fc.property(durations, (ms) => {
        const bucket = bucketOf(ms);
        expect(startOf(bucket)).toBeLessThanOrEqual(ms);
        if (bucket < lastBucket) expect(startOf(bucket + 1)).toBeGreaterThan(ms);
      }),
    );
  });

  test('have the published bounds among their borders', () => {
    for (const seconds of publishedBounds) expect(startOf(bucketOf(seconds * 1000))).toBe(seconds * 1000);
  });
});

test('what is published counts each observation once, under every bound that it is below', () => {
  fc.assert(
    fc.property(fc.array(durations), (observed) => {
      const { count, sumSeconds, cumulative } = distributionOf([filled(observed)]);
      expect(count).toBe(observed.length);
      expect(sumSeconds).toBeCloseTo(observed.reduce((sum, ms) => sum + ms, 0) / 1000, 5);
      expect(cumulative).toEqual(publishedBounds.map((bound) => observed.filter((ms) => ms < bound * 1000).length));
    }),
  );
});

test('a quantile is in the bucket of the observation that a sorted list gives', () => {
  const shares = fc.constantFrom(0, 0.1, 0.5, 0.9, 0.99, 0.999, 1);
  fc.assert(
    fc.property(fc.array(durations, { minLength: 1, maxLength: 300 }), shares, (observed, share) => {
      const sorted = observed.toSorted((a, b) => a - b);
      const bucket = bucketOf(sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!);
      const quantile = quantileOf(filled(observed), share)!;
      expect(quantile).toBeGreaterThanOrEqual(startOf(bucket));
      expect(quantile).toBeLessThanOrEqual(startOf(bucket === lastBucket ? bucket : bucket + 1));
    }),
  );
  expect(quantileOf(filled([]), 0.5)).toBeNull();
});

test('the sum of histograms is the histogram of all observations', () => {
  fc.assert(
    fc.property(fc.array(durations), fc.array(durations), (some, others) => {
      const sum = filled(some);
      // It may lie anywhere in a larger array.
      const around = new Float64Array(10 + histogramWords);
      around.set(filled(others), 7);
      addHistogram(sum, around, 7);
      const all = filled([...some, ...others]);
      expect(sum.subarray(1)).toEqual(all.subarray(1));
      expect(sum[0]).toBeCloseTo(all[0]!);
      const one = new Float64Array(around.length);
      one.set(filled(some), 7);
      const { sumSeconds, ...counts } = distributionOf([around, one], 7);
      const { sumSeconds: allSeconds, ...allCounts } = distributionOf([all]);
      expect(counts).toEqual(allCounts);
      expect(sumSeconds).toBeCloseTo(allSeconds);
      expect(distributionOf([around, one], 7, false)).toEqual({ sumSeconds, count: counts.count, cumulative: [] });
    }),
  );
});
