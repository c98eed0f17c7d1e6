/** The store as one worker reaches it for one pool: a failure is a value, and it is remembered whether the last call was answered. */
import { type Store, StoreError } from '../store/store.ts';

/** The session is over, and the store has yet to be told. */
export const ending = { state: 'ending' } as const;

export class StoreAccess {
  readonly store: Store;
  /** The store did what it was asked last. As long as not, no session leaves a server where it could stay. */
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
      // A state that is too large says nothing of the store.
      this.isHealthy = error instanceof StoreError && error.code === 'state-too-large';
      return null;
    }
  }
}
