/** Times and sizes as people write them: `1m30s` to milliseconds, `16k` to bytes, and back. */

/** The Gateway API's Duration (GEP-2257); 500h is the longest there that all implementations take, we take all. */
export const durationPattern = /^(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}$/;
/** A number of bytes, or of units of 1,024: k, K, KiB, M, MiB, G, GiB. */
export const sizePattern = /^[0-9]{1,12}(?:[kK]|[KMG](?:iB)?)?$/;

/** By the unit of a duration. */
export const milliseconds: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const bytes: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Milliseconds; NaN for what is no duration. */
export function parseDuration(text: string): number {
  if (!durationPattern.test(text)) return Number.NaN;
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/([0-9]+)(ms|[hms])/g)) {
    sum += Number(count) * (milliseconds[unit] ?? Number.NaN);
  }
  return sum;
}

/** The shortest way to write it: `90000` is `1m30s`, 0 is `0s`. */
export function formatDuration(time: number): string {
  let left = time;
  let text = '';
  for (const [unit, length] of Object.entries(milliseconds)) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/** Bytes; NaN for what is no size. */
export function parseSize(text: string): number {
  if (!sizePattern.test(text)) return Number.NaN;
  const unit = /[kmg]/i.exec(text)?.[0].toLowerCase();
  return Number.parseInt(text, 10) * (unit === undefined ? 1 : (bytes[unit] ?? Number.NaN));
}

/** In the largest unit that leaves no rest: `65536` is `64k`. */
export function formatSize(size: number): string {
  for (const [unit, length] of [
    ['G', bytes.g],
    ['M', bytes.m],
    ['k', bytes.k],
  ] as const) {
    if (length !== undefined && size >= length && size % length === 0) return `${size / length}${unit}`;
  }
  return String(size);
}
