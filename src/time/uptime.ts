/** How long the machine has run: the one clock that all threads and processes have together and that no step changes. */
import { openSync, readSync } from 'node:fs';

const file = '/proc/uptime';
const text = Buffer.alloc(64);

/** Open as long as the thread runs: the time has to be told also when the process has no descriptors left. null: no Linux. */
const descriptor = open();

function open(): number | null {
  try {
    return openSync(file, 'r');
  } catch {
    return null;
  }
}

/**
 * Milliseconds since the machine was started, the time asleep among them; on Linux, good to ten of them. Elsewhere since 1970, by
 * the machine's clock as it was when this thread asked for a reader: there a step before another thread begins is seen by that one.
 * The monotonic clocks of the runtimes do not serve: each thread of Bun begins its own at 0.
 */
export function uptimeReader(): () => number {
  if (descriptor !== null) {
    return () => Number.parseFloat(text.toString('latin1', 0, readSync(descriptor, text, 0, text.length, 0))) * 1000;
  }
  const origin = Date.now() - performance.now();
  return () => origin + performance.now();
}
