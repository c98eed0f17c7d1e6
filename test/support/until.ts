/**
 * Waiting for an event, with a limit and a message. What happens in another process cannot wake a test, so these look again and
 * again. No other file of the tests has pauses to wait for something (test/repository.test.ts checks it).
 */
import { setTimeout as sleep } from 'node:timers/promises';

const lookEveryMs = 20;

/** Waits until `check` returns true, or resolves to it. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  limitMs = 30_000,
  everyMs = lookEveryMs,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(everyMs);
  }
}

/**
 * Waits until something makes no more progress: `read` gives the same value in several looks, one after the other. For what has
 * no event of its own, such as a sender that must have been stopped.
 */
export async function untilStill(
  what: string,
  read: () => number | Promise<number>,
  { limitMs = 30_000, looks = 10, everyMs = lookEveryMs } = {},
): Promise<void> {
  let last = await read();
  let same = 0;
  const isStill = async (): Promise<boolean> => {
    const value = await read();
    same = value === last ? same + 1 : 0;
    last = value;
    return same >= looks;
  };
  await until(`${what} stands still`, isStill, limitMs, everyMs);
}
