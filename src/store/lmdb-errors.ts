/** How lmdb-js fails, and what of it has to be listened to: a promise that is rejected where nobody listens would end the process. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { StoreError } from './store.ts';

/** Part of a conditional write, whose own promise says whether all of it was done. */
export function ignored(part: Promise<boolean>): void {
  // When the commit fails this one is rejected, too: without a listener that would end the process.
  part.then(noop, noop);
}

export function noop(): void {}

/**
 * What a write has failed with, and why. lmdb-js tells the reason of a failed commit in a promise of its own (`commitError`), which
 * is rejected within the same turn of the loop: without a listener that would end the process.
 */
export async function failed(error: unknown, path: string): Promise<StoreError> {
  let why = error;
  if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) {
    const reason = error.commitError.then(
      () => error,
      (rejection: unknown) => rejection,
    );
    why = await Promise.race([reason, nextTurn(error)]);
  }
  return new StoreError('unavailable', `the store ${path} cannot be written: ${textOf(why)}`, { cause: why });
}

/** By the message, which begins with the name of lmdb.h: cursors leave the code out. */
export function isDamage(error: unknown): boolean {
  return /^MDB_(?:PAGE_NOTFOUND|CORRUPTED|PANIC|INVALID)\b/.test(textOf(error));
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
