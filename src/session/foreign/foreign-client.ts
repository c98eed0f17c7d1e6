/** A store that was made for express-session, with promises in place of callbacks. */
import { StoreError } from '../../store/store.ts';
import type { Timers } from '../../time/clock.ts';
import { isPlain } from '../data/codec.ts';
import { asError } from '../error.ts';
import type { Plain } from './foreign-ids.ts';
import type { ForeignStore } from './foreign-store.ts';

/** All methods throw StoreError `unavailable` for whatever goes wrong, also when the store never calls back. */
export class ForeignClient {
  readonly store: ForeignStore;
  private readonly timers: Timers;
  private readonly timeoutMs: number;

  /** `timeoutMs`: for one operation. */
  constructor(store: ForeignStore, { timers, timeoutMs }: { timers: Timers; timeoutMs: number }) {
    this.store = store;
    this.timers = timers;
    this.timeoutMs = timeoutMs;
  }

  /** null: there is no such session. */
  async get(id: string): Promise<Plain | null> {
    const found = await this.call<unknown>('get', (done) => this.store.get(id, done));
    return isPlain(found) ? found : null;
  }

  async set(id: string, session: Plain): Promise<void> {
    await this.call('set', (done) => this.store.set(id, session, done));
  }

  async destroy(id: string): Promise<void> {
    await this.call('destroy', (done) => this.store.destroy(id, done));
  }

  /** `session`: all of it, because some stores write it again. A store without `touch` gets a `set`. */
  async touch(id: string, session: Plain): Promise<void> {
    await this.call('touch', (done) =>
      this.store.touch === undefined ? this.store.set(id, session, done) : this.store.touch(id, session, done),
    );
  }

  private call<T>(name: string, work: (done: (error?: unknown, value?: T) => void) => unknown): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) =>
        reject(new StoreError('unavailable', `${name}: ${asError(error).message}`, { cause: error }));
      const cancel = this.timers.after(this.timeoutMs, () => fail(`no answer within ${this.timeoutMs} ms`));
      try {
        work((error, value) => {
          cancel();
          // There is no such session, as express-session reads it.
          if (error && Object(error).code === 'ENOENT') resolve(undefined);
          else if (error) fail(error);
          else resolve(value);
        });
      } catch (error) {
        cancel();
        fail(error);
      }
    });
  }
}
