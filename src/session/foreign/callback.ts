/** Callbacks of Node's convention, for code that returns a promise only where it has to wait. */

type Callback<T> = (error: unknown, value?: T) => void;

/** Runs `work` and calls back with its result, at once where that is no promise. Throws only what `done` throws. */
export function callBack<T>(work: () => T | Promise<T>, done: Callback<T>): void {
  let value: T | Promise<T>;
  try {
    value = work();
  } catch (error) {
    done(error);
    return;
  }
  if (value instanceof Promise) value.then((found) => done(null, found), done);
  else done(null, value);
}
