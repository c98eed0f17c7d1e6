import type { Timers } from './clock.ts';

/** The result of the promise; undefined when it takes longer than `limit` ms. A later result or error is dropped. */
export function within<T>(timers: Timers, limit: number, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(limit, () => resolve(undefined));
    answer.then(resolve, reject).finally(cancel);
  });
}
