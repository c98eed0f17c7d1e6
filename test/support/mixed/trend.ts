/** Whether a series of samples grows: a straight line through them, and how sure that line is. */

export interface Trend {
  readonly mean: number;
  /** From the first sample to the last, as the line has it. */
  readonly growth: number;
  /** Standard error of `growth`. */
  readonly error: number;
}

/** Least squares through evenly spaced samples; at least three. */
export function trendOf(samples: readonly number[]): Trend {
  const n = samples.length;
  if (n < 3) throw new RangeError(`a trend of ${n} samples`);
  const mean = samples.reduce((sum, y) => sum + y, 0) / n;
  const middle = (n - 1) / 2;
  let covariance = 0;
  let spread = 0;
  for (const [x, y] of samples.entries()) {
    covariance += (x - middle) * (y - mean);
    spread += (x - middle) ** 2;
  }
  const slope = covariance / spread;
  let squares = 0;
  for (const [x, y] of samples.entries()) squares += (y - mean - slope * (x - middle)) ** 2;
  return { mean, growth: slope * (n - 1), error: Math.sqrt(squares / (n - 2) / spread) * (n - 1) };
}

/**
 * Memory that leaks grows by more than 5 % of its mean; what a collector does is a saw-tooth, which a line through enough
 * of its teeth takes for level within two standard errors.
 */
export function grows({ mean, growth, error }: Trend): boolean {
  return growth > 0.05 * mean + 2 * error;
}
