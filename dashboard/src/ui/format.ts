/** Figures and times as people read them. */

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const plain = new Intl.NumberFormat('en');

/** 1,234, 12.3K, 1.2M: at most five signs wide. */
export function short(value: number): string {
  return Math.abs(value) < 10_000 ? plain.format(Math.round(value)) : compact.format(value);
}

/** A rate: with a digit after the point where it is small. */
export function rate(value: number): string {
  if (value > 0 && value < 9.95) return value.toFixed(1);
  return short(value);
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${Math.round((100 * part) / whole)}%`;
}

export function millis(value: number): string {
  if (value === 0) return '0 ms';
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** Milliseconds since the epoch, from a number or an ISO 8601 date; null for anything else. */
export function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : typeof value === 'number' ? value : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

export function clock(time: number): string {
  return new Date(time).toLocaleTimeString('en-GB');
}

export function ago(time: number, now = Date.now()): string {
  return `${span(now - time)} ago`;
}

/** The largest two units: 3 d 4 h, 2 min 5 s. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  return `${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
}
