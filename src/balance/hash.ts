/**
 * Hashes of small integers for the policies that place by hash: every node and every run gets the same
 * answer, and nothing is allocated. Not for secrets: whoever knows the key can compute the place.
 */

/** The finaliser of MurmurHash3: a bijection of 32-bit integers in which every input bit moves every output bit. */
export function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** 32 bits of a server's 48-bit id: the server's share in every hash of (server, key). */
export function seedOf(id: number): number {
  return mix((id | 0) ^ mix(Math.floor(id / 0x1_0000_0000)));
}

/** Hash of a server's seed and a key. The key is mixed first by the caller, once for all servers. */
export function pair(seed: number, mixedKey: number): number {
  return mix(seed ^ mixedKey);
}

/** The hash as a number strictly between 0 and 1, so that its logarithm is finite and not 0. */
export function unit(hash: number): number {
  return ((hash >>> 0) + 0.5) / 0x1_0000_0000;
}
