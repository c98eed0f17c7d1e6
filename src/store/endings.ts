/**
 * A store in which an end survives: one that the store beneath cannot take (it is away, its disk is full, it does not answer in
 * time) is kept as an intent and told again until the store has it, also after a restart. Until then the session is `ending`: it
 * can neither be read nor put nor claimed, and whoever asks for its end is told that it is not kept yet.
 *
 *      live ── destroy fails ──> ending ── the store has it ──> ended
 */
import { type Counters, counter } from '../metrics/counters.ts';
import type { Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import type { Ending, EndingsJournal } from './endings-journal.ts';
import {
  type ClaimResult,
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
} from './store.ts';

export interface EndingsDependencies {
  /** The ends that wait, across restarts. */
  readonly journal: EndingsJournal;
  /** Ends that may wait; one more is refused. */
  readonly most: number;
  /** Milliseconds after which an end that is not answered waits: less than those who asked for it wait. */
  readonly timeoutMs: number;
  readonly timers: Timers;
  readonly counters: Counters;
  /** Epoch of the session where it is known to live; 0 else. An end of an older one is nobody's to keep. */
  readonly epochOf: (id: SessionId) => number;
  /** From now on nobody may use the session; and from then on it is an ended one like others. */
  readonly onEnding: (id: SessionId) => void;
  readonly onEnded: (id: SessionId) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** Milliseconds until an end is told again: more each time that the store fails. */
const shortestPause = 200;
const longestPause = 2000;
/** Ends told at a time. */
const step = 50;
/** Milliseconds after which it is told again why the store fails, and the different reasons that are told meanwhile. */
const complainAgain = 60_000;
const mostReasons = 5;
/** Times that an end may meet a later epoch while it is told. */
const maxEpochs = 4;

export class EndingStore implements Store {
  private readonly store: Store;
  private readonly deps: EndingsDependencies;
  /** By pool and id, in the order in which they are told. */
  private readonly waiting = new Map<string, Ending>();
  private pause = shortestPause;
  private cancelTimer: () => void = () => {};
  private closed = false;
  private readonly told = new Set<string>();
  /** The journal could not be written: said once. */
  private unsaved = false;

  private constructor(store: Store, deps: EndingsDependencies) {
    this.store = store;
    this.deps = deps;
  }

  /** Takes over what waited when the process ended. Throws UsageError when that cannot be read. */
  static async open(store: Store, deps: EndingsDependencies): Promise<EndingStore> {
    const endings = new EndingStore(store, deps);
    const found = await deps.journal.read();
    for (const ending of found) endings.wait(ending);
    if (found.length > 0) {
      deps.log.info(`${found.length} ended sessions wait for the store since before the restart`);
      endings.soon();
    }
    return endings;
  }

  get incarnation(): string {
    return this.store.incarnation;
  }

  /** Ends of which the store has yet to be told. */
  get pending(): number {
    return this.waiting.size;
  }

  async read(key: SessionKey): Promise<Found> {
    this.refuseEnding(key);
    return this.logFailure(this.store.read(key));
  }

  async put(key: SessionKey, put: Put): Promise<PutResult> {
    this.refuseEnding(key);
    return this.logFailure(this.store.put(key, put));
  }

  async claim(...[key, ...rest]: Parameters<Store['claim']>): Promise<ClaimResult> {
    this.refuseEnding(key);
    return this.logFailure(this.store.claim(key, ...rest));
  }

  async rotate(key: SessionKey, to: SessionId, put: Put): Promise<RotateResult> {
    this.refuseEnding(key);
    return this.logFailure(this.store.rotate(key, to, put));
  }

  async touch(key: SessionKey, epoch: number, ttl: number): Promise<boolean> {
    this.refuseEnding(key);
    return this.logFailure(this.store.touch(key, epoch, ttl));
  }

  /** Throws a StoreError `ending` when the store could not take it: it will. */
  async destroy(key: SessionKey, epoch: number): Promise<EndResult> {
    this.refuseEnding(key);
    const outcome = this.logFailure(this.store.destroy(key, epoch));
    try {
      const result = await within(this.deps.timers, this.deps.timeoutMs, outcome);
      if (result !== undefined) return result;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    const ending = { key, epoch };
    this.register(ending);
    // It may have been done, or be done still.
    outcome.then(
      ({ state }) => state === 'ended' && this.settle(ending),
      () => undefined,
    );
    await this.save(ending);
    if (!this.waiting.has(nameOf(key))) return { state: 'ended' };
    throw endingError();
  }

  /** Without those that are to end. */
  async ofUser(pool: string, user: UserHash): Promise<readonly SessionId[]> {
    const ids = await this.logFailure(this.store.ofUser(pool, user));
    return this.waiting.size === 0 ? ids : ids.filter((id) => !this.waiting.has(nameOf({ pool, id })));
  }

  expire(): Promise<number> {
    return this.logFailure(this.store.expire());
  }

  count(pool?: string): Promise<number> {
    return this.store.count(pool);
  }

  scan(pool?: string): ReturnType<Store['scan']> {
    return this.store.scan(pool);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    await this.deps.journal.close();
    await this.store.close();
  }

  /** Why the store fails is told here: those who ask have another answer for their clients. */
  private async logFailure<T>(answer: Promise<T>): Promise<T> {
    try {
      const result = await answer;
      this.onAnswer();
      return result;
    } catch (error) {
      if (error instanceof StoreError && error.code !== 'state-too-large') this.complain(error);
      throw error;
    }
  }

  private complain({ message }: StoreError): void {
    const { told } = this;
    if (told.has(message) || told.size >= mostReasons) return;
    const { log, timers } = this.deps;
    log.warn(`the store fails: ${message}`);
    if (told.size === 0) timers.after(complainAgain, () => told.clear());
    told.add(message);
  }

  /** The store is back: what waits is told soon, before another node makes much of a session that is over. */
  private onAnswer(): void {
    if (this.waiting.size === 0 || this.pause === shortestPause) return;
    this.pause = shortestPause;
    this.soon();
  }

  private refuseEnding(key: SessionKey): void {
    if (this.waiting.size > 0 && this.waiting.has(nameOf(key))) throw endingError();
  }

  /** Throws when it cannot wait: then the session lives on, and nobody was told otherwise. */
  private register(ending: Ending): void {
    const { most, counters, epochOf } = this.deps;
    if (epochOf(ending.key.id) > ending.epoch) {
      throw new StoreError(
        'unavailable',
        'the store could not be told of the end of a session that has another owner by now',
      );
    }
    if (this.waiting.size >= most) {
      counters.add(counter.endings_refused);
      throw new StoreError('unavailable', `${most} ended sessions wait for the store already (sessions.endings)`);
    }
    counters.add(counter.endings);
    this.wait(ending);
    this.soon();
  }

  private wait(ending: Ending): void {
    const name = nameOf(ending.key);
    if (!this.waiting.has(name)) this.deps.counters.add(counter.endings_pending);
    this.waiting.set(name, ending);
    this.deps.onEnding(ending.key.id);
  }

  private async save(ending: Ending): Promise<void> {
    const { journal, counters, log } = this.deps;
    try {
      await journal.add(ending);
      this.unsaved = false;
    } catch (error) {
      counters.add(counter.endings_unsaved);
      if (!this.unsaved)
        log.warn(`an ended session that waits for the store is not safe from a restart: ${String(error)}`);
      this.unsaved = true;
    }
  }

  private settle(ending: Ending): void {
    const { journal, counters, onEnded } = this.deps;
    if (!this.waiting.delete(nameOf(ending.key))) return;
    counters.add(counter.endings_pending, -1);
    onEnded(ending.key.id);
    journal.remove(ending, this.waiting).catch(() => undefined);
  }

  private soon(): void {
    if (this.closed) return;
    this.cancelTimer();
    this.cancelTimer = this.deps.timers.after(this.pause, () => void this.deliverAll());
  }

  /** The first alone: when the store is still away, the others need not be tried. */
  private async deliverAll(): Promise<void> {
    let well = true;
    while (well && this.waiting.size > 0 && !this.closed) {
      const [first, ...others] = this.next();
      well = await this.deliver(first!);
      if (well) well = (await Promise.all(others.map((ending) => this.deliver(ending)))).every(Boolean);
    }
    this.pause = well ? shortestPause : Math.min(longestPause, this.pause * 2);
    if (this.waiting.size > 0) this.soon();
  }

  /** Those that have waited longest. */
  private next(): Ending[] {
    const found: Ending[] = [];
    for (const ending of this.waiting.values()) if (found.push(ending) === step) break;
    return found;
  }

  /** False: the store has failed, or does not answer; others go first the next time. */
  private async deliver(ending: Ending): Promise<boolean> {
    try {
      const done = await within(this.deps.timers, this.deps.timeoutMs, this.end(ending));
      if (done === undefined) throw new StoreError('unavailable', 'no answer');
      this.settle(ending);
      return true;
    } catch (error) {
      const name = nameOf(ending.key);
      if (this.waiting.delete(name)) this.waiting.set(name, ending);
      if (!(error instanceof StoreError)) this.deps.log.warn(`the end of a session cannot be kept: ${String(error)}`);
      return false;
    }
  }

  /**
   * Another node, which cannot know of the intent, may have claimed the session meanwhile. Its client has asked for the end all the
   * same, and since.
   */
  private async end({ key, epoch }: Ending): Promise<true> {
    let at = epoch;
    for (let tries = 0; tries < maxEpochs; tries++) {
      const result = await this.store.destroy(key, at);
      if (result.state === 'ended') return true;
      at = result.epoch;
    }
    throw new StoreError('unavailable', 'the session goes from owner to owner');
  }
}

function nameOf({ pool, id }: SessionKey): string {
  return `${pool}/${id}`;
}

function endingError(): StoreError {
  return new StoreError('ending', 'the session is over, and the store has yet to be told');
}
