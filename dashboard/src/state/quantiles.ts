/** Reads latency quantiles out of the histogram of the metrics page (Prometheus text): those of the time between two polls. */

/** By upper bound in seconds, how many observations are not above it. */
export type Buckets = ReadonlyMap<number, number>;

/** The histogram of that name, summed over all its labels. */
export function readBuckets(text: string, histogram: string): Buckets {
  const buckets = new Map<number, number>();
  const start = `${histogram}_bucket{`;
  for (const line of text.split('\n')) {
    if (!line.startsWith(start)) continue;
    const bound = /[{,]le="([^"]+)"/.exec(line)?.[1];
    const value = Number(/\} (\S+)/.exec(line)?.[1]);
    if (bound === undefined || Number.isNaN(value)) continue;
    const upper = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    buckets.set(upper, (buckets.get(upper) ?? 0) + value);
  }
  return buckets;
}

/** Milliseconds; null when nothing was observed in between. Interpolates within a bucket, as Prometheus does. */
export function quantileBetween(before: Buckets, now: Buckets, quantile: number): number | null {
  const bounds = [...now.keys()].sort((a, b) => a - b);
  const grown = bounds.map((bound) => Math.max(0, (now.get(bound) ?? 0) - (before.get(bound) ?? 0)));
  const total = grown.at(-1) ?? 0;
  if (total <= 0) return null;
  const rank = quantile * total;
  const at = grown.findIndex((count) => count >= rank);
  const below = at === 0 ? 0 : grown[at - 1]!;
  const lower = at === 0 ? 0 : bounds[at - 1]!;
  const upper = bounds[at]!;
  if (upper === Number.POSITIVE_INFINITY) return lower * 1000;
  return (lower + ((upper - lower) * (rank - below)) / Math.max(1, grown[at]! - below)) * 1000;
}
