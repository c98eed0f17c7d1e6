/**
 * A store whose operations are timed and whose failures are counted, for metrics: by operation, and failures by the code of the error.
 * What the caller got wrong (RangeError) is no failure of the store.
 */
import { histogramWords, observe } from '../metrics/histogram.ts';
import type { StoreFigures } from '../metrics/store-families.ts';
import {
  type ClaimResult,
  type Copy,
  type EndResult,
  type Found,
  type Put,
  type PutResult,
  type RotateResult,
  type SessionId,
  type SessionKey,
  type Store,
  StoreError,
  type UserHash,
} from '../store/store.ts';
import type { Clock } from '../time/clock.ts';

/** As metrics name them. */
export const storeOperations = ['read', 'put', 'claim', 'end', 'rotate', 'touch', 'of-user', 'expire'] as const;
export type StoreOperation = (typeof storeOperations)[number];

const errorCodes: readonly StoreError['code'][] = ['unavailable', 'state-too-large', 'damaged', 'ending'];

export class StoreMeasures {
  /** A histogram for each operation, one behind the other. */
  readonly durations = new Float64Array(storeOperations.length * histogramWords);
  /** By operation and code: each from the beginning, so that the first failure is an increase of a series that exists. */
  private readonly errors = new Map(
    storeOperations.map((operation) => [operation, new Map(errorCodes.map((code) => [code, 0]))]),
  );

  /** Where the histogram of an operation begins. */
  static at(operation: StoreOperation): number {
    return storeOperations.indexOf(operation) * histogramWords;
  }

  failed(operation: StoreOperation, code: StoreError['code']): void {
    const errors = this.errors.get(operation);
    errors?.set(code, (errors.get(code) ?? 0) + 1);
  }

  get figures(): StoreFigures {
    return {
      durations: storeOperations.map((operation) => [operation, this.durations, StoreMeasures.at(operation)]),
      errors: Array.from(this.errors, ([operation, errors]) =>
        Array.from(errors, ([code, count]) => [operation, code, count] as const),
      ).flat(),
    };
  }
}

export class MeasuredStore implements Store {
  readonly measures = new StoreMeasures();
  private readonly store: Store;
  private readonly clock: Pick<Clock, 'monotonic'>;

  constructor(store: Store, clock: Pick<Clock, 'monotonic'>) {
    this.store = store;
    this.clock = clock;
  }

  get incarnation(): string {
    return this.store.incarnation;
  }

  read(key: SessionKey): Promise<Found> {
    return this.measure('read', this.store.read(key));
  }

  put(key: SessionKey, put: Put): Promise<PutResult> {
    return this.measure('put', this.store.put(key, put));
  }

  claim(...claim: Parameters<Store['claim']>): Promise<ClaimResult> {
    return this.measure('claim', this.store.claim(...claim));
  }

  destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    return this.measure('end', this.store.destroy(key, epoch));
  }

  rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    return this.measure('rotate', this.store.rotate(key, to, put));
  }

  touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    return this.measure('touch', this.store.touch(key, epoch, ttl));
  }

  ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    return this.measure('of-user', this.store.ofUser(pool, user));
  }

  expire(): Promise<number> {
    return this.measure('expire', this.store.expire());
  }

  count(pool?: string): Promise<number> {
    return this.store.count(pool);
  }

  scan(pool?: string): AsyncIterable<{ readonly key: SessionKey; readonly copy: Copy }> {
    return this.store.scan(pool);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private async measure<Result>(operation: StoreOperation, running: Promise<Result>): Promise<Result> {
    const begun = this.clock.monotonic();
    try {
      return await running;
    } catch (error) {
      if (error instanceof StoreError) this.measures.failed(operation, error.code);
      throw error;
    } finally {
      observe(this.measures.durations, StoreMeasures.at(operation), this.clock.monotonic() - begun);
    }
  }
}
