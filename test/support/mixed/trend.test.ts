/** The line through memory samples tells a leak from a saw-tooth. */
import { describe, expect, test } from 'vitest';
import { randomOf } from '../servers.ts';
import { grows, trendOf } from './trend.ts';

/** 96 samples: 8 minutes, one each 5 s. `tooth` falls back by 20 MB each 13 samples. */
function samples(leakPerSample: number, noise: number): number[] {
  const random = randomOf(7);
  return Array.from(
    { length: 96 },
    (_, i) => 100 + (20 * (i % 13)) / 13 + leakPerSample * i + noise * (random() - 0.5),
  );
}

describe('the trend', () => {
  test('of a straight line is that line', () => {
    const { mean, growth, error } = trendOf([1, 3, 5, 7]);
    expect([mean, growth]).toEqual([4, 6]);
    expect(error).toBeCloseTo(0);
  });

  test('of two samples is refused', () => {
    expect(() => trendOf([1, 2])).toThrow('a trend of 2 samples');
  });

  test('of a saw-tooth is level', () => {
    expect(grows(trendOf(samples(0, 10)))).toBe(false);
  });

  test('of a saw-tooth with a leak of 20 MB in 8 minutes is growth', () => {
    expect(grows(trendOf(samples(20 / 96, 10)))).toBe(true);
  });

  test('downward is no growth', () => {
    expect(grows(trendOf(samples(-1, 10)))).toBe(false);
  });
});
