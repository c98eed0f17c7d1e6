/**
 * The time since the machine was booted: the only clock that is the same for all threads and processes and that no step
 * changes.
 */
import { openSync, readSync } from 'node:fs';

const file = '/proc/uptime';
const text = Buffer.alloc(64);

/**
 * Stays open as long as the thread runs, so that the clock works also when the process has no descriptors left. null: not on
 * Linux.
 */
const descriptor = open();

function open(): number | null {
  try {
    return openSync(file, 'r');
  } catch {
    return null;
  }
}

/**
 * The answer reads the milliseconds since the boot, including the time the machine was suspended; on Linux precise to 10 ms. On other
 * systems it is the machine's clock when this function was called plus the time since then: a thread that starts after a step of
 * that clock has another result. The monotonic clocks of the runtimes cannot be used: in Bun each thread has its own, from 0.
 */
export function uptimeReader(): () => number {
  if (descriptor !== null) {
    return () => Number.parseFloat(text.toString('latin1', 0, readSync(descriptor, text, 0, text.length, 0))) * 1000;
  }
  const origin = Date.now() - performance.now();
  return () => origin + performance.now();
}
