/**
 * Whether the balancer is live and ready, for the admin listener, and in shared memory for the probes of listeners. Live: no event loop
 * hangs. Ready: a worker listens, the store answers, and each pool that counts has a server that takes new sessions.
 */
import type { LimpetOptions } from '../config/options.ts';
import { takesNewSessions } from '../fleet/health-report.ts';
import type { Server } from '../fleet/server.ts';
import type { ProbeVerdict } from '../shared/probe-verdict.ts';
import { type Clock, type Timers, unixSeconds } from '../time/clock.ts';
import type { WorkerStatus } from './worker-group.ts';

export interface ReadinessDependencies {
  readonly options: () => LimpetOptions;
  readonly serversOf: (pool: string) => readonly Server[];
  readonly workers: () => readonly WorkerStatus[];
  /** How long (ms) the event loop of each worker has not turned, by its number from 0. */
  readonly silent: () => ReadonlyMap<number, number>;
  /** null: there is none. */
  readonly store: () => { readonly isFailing: boolean } | null;
  readonly verdict: ProbeVerdict;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface Judgement {
  readonly live: boolean;
  readonly ready: boolean;
  /** A line for each; empty: it is ready. */
  readonly reasons: string[];
}

/** A worker whose event loop has not turned for this long (ms) is not live. */
const liveSilenceMs = 5000;

/** Between two judgements (ms), when a listener has probes. */
const pauseMs = 500;

export class Readiness {
  private readonly deps: ReadinessDependencies;
  private cancelTimer: () => void = () => {};

  constructor(deps: ReadinessDependencies) {
    this.deps = deps;
  }

  now(): Judgement {
    const { options, serversOf, silent, store, workers } = this.deps;
    const reasons: string[] = [];
    for (const [worker, ms] of silent()) {
      if (ms >= liveSilenceMs) reasons.push(`the event loop of worker ${worker + 1} has not turned for ${ms} ms`);
    }
    const live = reasons.length === 0;
    if (!workers().some(({ listening }) => listening)) reasons.push('no worker listens');
    if (store()?.isFailing === true) reasons.push('the store does not answer');
    for (const { name, countsForReadiness } of options().pools) {
      if (countsForReadiness && !serversOf(name).some(takesNewSessions))
        reasons.push(`pool ${name} has no usable server`);
    }
    return { live, ready: reasons.length === 0, reasons };
  }

  /** From now on workers know it too. */
  start(): void {
    const { options, verdict, clock, timers } = this.deps;
    if (options().listeners.some(({ probes }) => probes !== null)) {
      const { live, ready } = this.now();
      verdict.judge(live, ready, unixSeconds(clock));
    }
    this.cancelTimer = timers.after(pauseMs, () => this.start());
  }

  stop(): void {
    this.cancelTimer();
  }
}
