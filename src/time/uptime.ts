/** How long the machine has run: the one clock that all threads and processes have together and that no step changes. */
import { readFileSync } from 'node:fs';

const file = '/proc/uptime';

/**
 * Milliseconds since the machine was started, the time asleep among them; on Linux, good to ten of them. Elsewhere since 1970, by
 * the machine's clock as it was when this thread asked for a reader: there a step before another thread begins is seen by that one.
 * The monotonic clocks of the runtimes do not serve: each thread of Bun begins its own at 0.
 */
export function uptimeReader(): () => number {
  try {
    readFileSync(file);
    return () => Number.parseFloat(readFileSync(file, 'latin1')) * 1000;
  } catch {
    const origin = Date.now() - performance.now();
    return () => origin + performance.now();
  }
}
