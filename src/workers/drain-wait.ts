/**
 * Waits until a server that drains can be stopped without loss. Its counts of shared memory, which are a few words, are looked at
 * ten times a second, or less often. The session table is read only when they say that it is over, and once in a while, because its counts still
 * have sessions that have expired.
 */

import type { DrainState } from '../admin/schemas.ts';
import type { Timers } from '../time/clock.ts';

export interface DrainWaitDependencies {
  readonly timers: Timers;
  /** By the counts. */
  readonly now: () => DrainState | 'no-such-server';
  /** By a census of the session table. */
  readonly isSafe: () => Promise<boolean>;
  /** Between two looks at the counts (ms). Left out: 100. */
  readonly pollMs?: number;
}

/** Between two looks at the counts (ms), when somebody waits for the answer. */
const usualPollMs = 100;
/** Looks after which the session table is read although the counts say that something is left. */
const looksPerCensus = 50;
/** Looks without another census after one that has found something left. */
const looksAfterCensus = 10;

export class DrainWait {
  private readonly deps: DrainWaitDependencies;

  constructor(deps: DrainWaitDependencies) {
    this.deps = deps;
  }

  /** Resolves when it is over, when there is no such server (any more), after `waitMs`, or when `signal` says so. */
  async wait(waitMs: number, signal?: AbortSignal): Promise<DrainState | 'no-such-server'> {
    const looks = Math.ceil(waitMs / (this.deps.pollMs ?? usualPollMs));
    let nextCensus = 0;
    for (let look = 0; ; look++) {
      const state = this.deps.now();
      if (state === 'no-such-server') return state;
      const isLast = look >= looks || signal?.aborted === true;
      const isDue = state.drained || (state.waitingFor.inflight === 0 && look % looksPerCensus === looksPerCensus - 1);
      if (isLast || (isDue && look >= nextCensus)) {
        nextCensus = look + looksAfterCensus;
        if (await this.deps.isSafe())
          return { ...state, drained: true, waitingFor: { ...state.waitingFor, uncopied: 0 } };
        if (isLast) return { ...state, drained: false };
      }
      await this.pause(signal);
    }
  }

  private pause(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.deps.timers.after(this.deps.pollMs ?? usualPollMs, resolve);
    const onAbort = (): void => {
      cancel();
      resolve();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise.finally(() => signal?.removeEventListener('abort', onAbort));
  }
}
