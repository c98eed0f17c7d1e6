import type { Timers } from './clock.ts';

/** The answer; undefined when it takes longer than `limit` ms: whatever comes after that is dropped. */
export function within<T>(timers: Timers, limit: number, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(limit, () => resolve(undefined));
    answer.then(resolve, reject).finally(cancel);
  });
}
