/**
 * Calls the store for one pool. A failure is returned as a value, and `isHealthy` says whether the last call succeeded. While it does not
 * answer, questions about owners try it once a second: not every request has to wait for it.
 */
import { type Store, StoreError } from '../store/store.ts';

/** The session is over, but the store has not recorded it yet (store/endings.ts). */
export const ending = { state: 'ending' } as const;

/** Seconds between two questions to a store that does not answer. */
const retrySeconds = 1;

export class StoreAccess {
  readonly store: Store;
  /** The last call succeeded. While it is false, no session leaves a server where it can stay. */
  isHealthy = true;
  private retryAt = 0;

  constructor(store: Store) {
    this.store = store;
  }

  /** False: it does not answer, and was asked a moment ago. `now` is Unix seconds. */
  isWorthAsking(now: number): boolean {
    return this.isHealthy || now >= this.retryAt;
  }

  /** It is asked now, whether it answers or not. */
  noteAsked(now: number): void {
    this.retryAt = now + retrySeconds;
  }

  /** null: the store has failed. */
  async call<T>(answer: Promise<T>): Promise<T | typeof ending | null> {
    try {
      const result = await answer;
      this.isHealthy = true;
      return result;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'ending') return ending;
      // The store works: it refused one state that is too large.
      this.isHealthy = error instanceof StoreError && error.code === 'state-too-large';
      return null;
    }
  }
}
