/**
 * Durations counted in buckets: the width of a bucket grows with the duration, so that a quantile is right to about a tenth, from a
 * tenth of a millisecond to two minutes. A histogram is a row of numbers in an array that somebody else owns: to observe is to add
 * one to a bucket and the duration to the sum.
 *
 *      [ sum (ms) ][ bucket 0 ][ bucket 1 ] ... [ the last bucket: everything longer ]
 *
 *      in units of 1/16 ms:   [0,1) [1,2) [2,3) [3,4) | [4,5) [5,6) [6,7) [7,8) | [8,10) [10,12) ... | [16,20) ...
 *                                                       four buckets for each doubling
 *
 * Every power of two of milliseconds, from 1/16 ms on, is the border of a bucket: the bounds that are published (`publishedBounds`)
 * are some of them, and no observation has to be guessed into one of those.
 */

const unitsPerMs = 16;
/** Doublings that have four buckets each; the first has the units 4 to 7. */
const doublings = 19;
/** Units that go into the last bucket, and all above: 131 s. */
const overflowUnits = 2 ** (doublings + 2);
const bucketCount = 4 + doublings * 4 + 1;

/** Numbers of one histogram: the sum, and the buckets. */
export const histogramWords = 1 + bucketCount;

/** Upper bounds (seconds) that metrics have: powers of two of milliseconds, from 1 ms to 65.536 s. */
export const publishedBounds: readonly number[] = Array.from({ length: 17 }, (_, i) => 2 ** i / 1000);

/** Bucket of each published bound: it and those before it are what is not above the bound. */
const lastBuckets = publishedBounds.map((seconds) => bucketOf(seconds * 1000) - 1);

/** The bucket that counts so many milliseconds. Below 0, or not a number: the first. */
export function bucketOf(ms: number): number {
  const exact = ms * unitsPerMs;
  if (exact >= overflowUnits) return bucketCount - 1;
  const units = exact > 0 ? exact | 0 : 0;
  if (units < 4) return units;
  // The highest bit is the doubling, the two below it are the bucket in it.
  const shift = 29 - Math.clz32(units);
  return (shift << 2) + (units >>> shift);
}

/** Where the bucket begins (ms). */
export function startOf(bucket: number): number {
  if (bucket < 8) return bucket / unitsPerMs;
  const shift = (bucket >> 2) - 1;
  return ((bucket - (shift << 2)) * 2 ** shift) / unitsPerMs;
}

/** Counts a duration into the histogram that begins at `at`. */
export function observe(words: Float64Array, at: number, ms: number): void {
  words[at]! += ms;
  words[at + 1 + bucketOf(ms)]! += 1;
}

/** Adds the histogram that begins at `at` to `sum`, which has `histogramWords` numbers. */
export function addHistogram(sum: Float64Array, words: Float64Array, at: number): void {
  for (let i = 0; i < histogramWords; i++) sum[i]! += words[at + i]!;
}

export interface Distribution {
  readonly count: number;
  readonly sumSeconds: number;
  /** How many were not above each of `publishedBounds`; empty when nobody asked. */
  readonly cumulative: readonly number[];
}

/** What is published of the sum of histograms, each of which begins at `at` in its array. `isWhole` false: without `cumulative`. */
export function distributionOf(histograms: readonly Float64Array[], at = 0, isWhole = true): Distribution {
  let sum = 0;
  let total = 0;
  const cumulative: number[] = [];
  for (const words of histograms) sum += words[at]!;
  let bucket = 0;
  if (isWhole) {
    for (const last of lastBuckets) {
      for (; bucket <= last; bucket++) for (const words of histograms) total += words[at + 1 + bucket]!;
      cumulative.push(total);
    }
  }
  const rest = at + 1 + bucket;
  for (const words of histograms) for (let i = rest; i < at + histogramWords; i++) total += words[i]!;
  // Microseconds: more digits say nothing, and writing them takes its time.
  return { count: total, sumSeconds: Math.round(sum * 1000) / 1e6, cumulative };
}

/**
 * The duration (ms) that this share of the observations does not exceed, to within the width of a bucket; null: there are none.
 * What is longer than 131 s counts as that.
 */
export function quantileOf(words: Float64Array, share: number): number | null {
  let count = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) count += words[1 + bucket]!;
  if (count === 0) return null;
  let left = Math.max(1, Math.ceil(share * count));
  for (let bucket = 0; bucket < bucketCount - 1; bucket++) {
    const here = words[1 + bucket]!;
    if (here >= left) return startOf(bucket) + ((startOf(bucket + 1) - startOf(bucket)) * left) / here;
    left -= here;
  }
  return startOf(bucketCount - 1);
}
