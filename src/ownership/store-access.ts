/** Calls the store for one pool. A failure is returned as a value, and `isHealthy` says whether the last call succeeded. */
import { type Store, StoreError } from '../store/store.ts';

/** The session is over, but the store has not recorded it yet (store/endings.ts). */
export const ending = { state: 'ending' } as const;

export class StoreAccess {
  readonly store: Store;
  /** The last call succeeded. While it is false, no session leaves a server where it can stay. */
  isHealthy = true;

  constructor(store: Store) {
    this.store = store;
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
