/**
 * Runs the updates of one session one after the other (`session.update`). An update that is called inside another one of the same
 * session is a part of that one and runs at once: if it waited for its turn, it would wait for itself.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** One update whose function runs. Found by AsyncLocalStorage from everything that the function calls. */
interface RunningUpdate {
  readonly queue: UpdateQueue;
  /** The update, of any session, whose function called this one; null: none. */
  readonly outer: RunningUpdate | null;
  isRunning: boolean;
  /** Updates of the same session that were called inside: this one ends when they have ended. */
  readonly nested: Promise<unknown>[];
}

const runningUpdates = new AsyncLocalStorage<RunningUpdate>();

export class UpdateQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** Whether the caller runs inside an update of this queue. */
  get isInside(): boolean {
    return this.running() !== null;
  }

  /** Runs `fn` when all earlier updates have ended, also those that failed; inside one of them at once. Answers what `fn` answers. */
  run<T>(fn: () => T | Promise<T>): Promise<T> {
    const around = this.running();
    if (around !== null) {
      const part = (async () => fn())();
      around.nested.push(part.catch(() => {}));
      return part;
    }
    const outer = runningUpdates.getStore() ?? null;
    const result = this.last.then(() => {
      const update: RunningUpdate = { queue: this, outer, isRunning: true, nested: [] };
      return runningUpdates.run(update, async () => {
        try {
          return await fn();
        } finally {
          await Promise.all(update.nested);
          update.isRunning = false;
        }
      });
    });
    this.last = result.catch(() => {});
    return result;
  }

  private running(): RunningUpdate | null {
    for (let update = runningUpdates.getStore() ?? null; update !== null; update = update.outer) {
      if (update.queue === this && update.isRunning) return update;
    }
    return null;
  }
}
