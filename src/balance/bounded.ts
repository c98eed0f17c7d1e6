/**
 * Bounded load (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2018): no server
 * holds more than a multiple of the mean. It asks only about counts, so any policy can be bounded.
 */

/**
 * May a server take one more? Its bound is ceil(maxLoad * (total + 1) * weight / totalWeight), where `total`
 * counts all exchanges in flight. `maxLoad` is at least 1. Then some server is always under its bound: the bounds
 * add up to at least total + 1. `totalWeight` is the sum of the weights that are passed in for the servers.
 */
export function withinBound(
  inflight: number,
  weight: number,
  total: number,
  totalWeight: number,
  maxLoad: number,
): boolean {
  return inflight < Math.ceil((maxLoad * (total + 1) * weight) / totalWeight);
}
