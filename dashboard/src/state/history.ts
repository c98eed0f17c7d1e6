/** The last samples of each figure, at equal distance in one ring, so that an open page keeps its size. */

export const seriesNames = [
  'requests',
  'ok',
  'redirects',
  'clientErrors',
  'serverErrors',
  'retries',
  'live',
  'copied',
  'begun',
  'moved',
  'rescued',
  'inflight',
  'p50',
  'p95',
  'p99',
] as const;

export type SeriesName = (typeof seriesNames)[number];

export type Sample = Partial<Record<SeriesName, number>>;

export class History {
  private readonly times: Float64Array;
  private readonly rows: Readonly<Record<SeriesName, Float64Array>>;
  private next = 0;
  private count = 0;

  /** Keeps the last `capacity` samples. */
  constructor(capacity = 900) {
    this.times = new Float64Array(capacity);
    this.rows = Object.fromEntries(seriesNames.map((name) => [name, new Float64Array(capacity)])) as typeof this.rows;
  }

  get size(): number {
    return this.count;
  }

  /** `time` in seconds. A figure that the sample lacks is a gap in its line. */
  add(time: number, sample: Sample): void {
    this.times[this.next] = time;
    for (const name of seriesNames) this.rows[name][this.next] = sample[name] ?? Number.NaN;
    this.next = (this.next + 1) % this.times.length;
    this.count = Math.min(this.count + 1, this.times.length);
  }

  /** The times (s), and a line for each name, oldest first; null is a gap. */
  read(names: readonly SeriesName[]): [number[], ...(number | null)[][]] {
    const from = (this.next - this.count + this.times.length) % this.times.length;
    const inOrder = (row: Float64Array) => Array.from({ length: this.count }, (_, i) => row[(from + i) % row.length]!);
    return [
      inOrder(this.times),
      ...names.map((name) => inOrder(this.rows[name]).map((value) => (Number.isNaN(value) ? null : value))),
    ];
  }

  /** The newest value; null when there is none. */
  latest(name: SeriesName): number | null {
    if (this.count === 0) return null;
    const value = this.rows[name][(this.next - 1 + this.times.length) % this.times.length]!;
    return Number.isNaN(value) ? null : value;
  }
}
