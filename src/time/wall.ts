/** The machine's clock, which a test can set for one process. */
import { readFileSync } from 'node:fs';

/**
 * The answer reads Unix milliseconds. With `LIMPET_TEST_CLOCK=<file>` and `NODE_ENV=test` in the environment, each reading adds the
 * number of milliseconds in that file (no file, or no number: 0), so that a test can step the clock of a running process.
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
