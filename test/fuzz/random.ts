/** Randomness with a seed: a failure names its seed and case, and `FUZZ_SEED=... ` brings it back. */

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 32 bits (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 up to `end`, without it. */
  below(end: number): number {
    return this.next() % end;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** `FUZZ_SEED`; 1 when it is not given, so that a red run is red again. */
export function fuzzSeed(): number {
  return Number(process.env.FUZZ_SEED ?? 1);
}

/** `FUZZ_CASES`, or the default. */
export function fuzzCases(usual: number): number {
  return Number(process.env.FUZZ_CASES ?? usual);
}
