/** The machine's clock, and how a test sets it for one process. */
import { readFileSync } from 'node:fs';

/**
 * Unix milliseconds. With `LIMPET_TEST_CLOCK` and `NODE_ENV=test` in the environment, the number that stands in that file is
 * added at each look (milliseconds; no file, or no number: 0), so that a test can step the clock of a process that runs.
 */
export function wallClock({
  LIMPET_TEST_CLOCK: file = '',
  NODE_ENV,
}: Readonly<Record<string, string | undefined>>): () => number {
  if (file === '' || NODE_ENV !== 'test') return Date.now;
  return () => Date.now() + shiftIn(file);
}

function shiftIn(file: string): number {
  try {
    const shift = Number(readFileSync(file, 'utf8'));
    return Number.isFinite(shift) ? shift : 0;
  } catch {
    return 0;
  }
}
