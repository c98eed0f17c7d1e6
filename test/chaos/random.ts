/** Random numbers that a seed repeats. */
import { randomOf } from '../support/servers.ts';

export class Random {
  /** Uniform in [0, 1). */
  readonly next: () => number;

  constructor(seed: number) {
    this.next = randomOf(seed);
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  of<T>(all: readonly T[]): T {
    return all[Math.floor(this.next() * all.length)]!;
  }

  /** A key of `weights`, each as often as it weighs. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return entries[0]![0];
  }

  /** Another one, independent of how often this one is asked. */
  fork(): Random {
    return new Random(this.next() * 0x1_0000_0000);
  }
}
