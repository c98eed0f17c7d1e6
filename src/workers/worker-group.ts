/**
 * All worker threads: starts them, gives each the newest config, and replaces those that fail.
 *
 *      paused ──> starting ──> listening ──> (exit) ──> paused
 *         ^           │ failed                             0 s, 100 ms, 200 ms ... 10 s; 0 s again after a good minute
 *         └───────────┘
 *
 * A worker that is still starting gets no request. When it listens, it gets the config that is the newest at that time.
 */
import { isListenError } from '../net/listen-error.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import type { Listening, WorkerConfig, WorkerEvent, WorkerInit, WorkerMessage } from './messages.ts';
import { asError, type SpawnThread, WorkerThread } from './worker-thread.ts';

export interface WorkerGroupDependencies {
  readonly spawn: SpawnThread;
  readonly count: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: { warn(message: string): void };
  /** What a worker starts with, the newest config included. */
  readonly initFor: (worker: number) => WorkerInit;
  /** The newest config. */
  readonly configFor: (worker: number) => WorkerConfig;
  /** How many configs have been published: a config with a lower version is outdated. */
  readonly configVersion: () => number;
  readonly onListening: (worker: number, listening: Listening) => void;
  /** `reply` sends a message to the thread that the event came from, if it still exists. */
  readonly onEvent: (event: WorkerEvent, worker: number, reply: (message: WorkerMessage) => void) => void;
  /** A worker has died for this reason (one line). Called before another thread takes its number. */
  readonly onLost: (worker: number, reason: string) => void;
}

/** A worker that has not replied after this long (ms) is lost. */
const replyTimeoutMs = 5000;
/** So is a worker that does not listen after this long (ms): on a busy machine the program loads slowly. */
const startTimeoutMs = 60_000;
/** A worker that fails again and again is started again after longer and longer pauses (ms). */
const shortestPauseMs = 100;
const longestPauseMs = 10_000;
/** A worker that has run for this long (ms) starts again at once. */
const stableAfterMs = 60_000;

interface Member {
  readonly worker: number;
  /** null: it pauses, or has not been started yet. */
  thread: WorkerThread | null;
  listening: boolean;
  /** Resolves when it listens with the newest config, or is gone; null: it is not starting. */
  starting: Promise<void> | null;
  /** Version of the config that it has. */
  configVersion: number;
  /** Before the next start after a failure (ms). */
  pauseMs: number;
  cancelPause: () => void;
  /** How often it has failed since the start. */
  failures: number;
}

export interface WorkerStatus {
  /** From 0. */
  readonly worker: number;
  readonly listening: boolean;
  /** How often another thread has taken its place. */
  readonly replaced: number;
}

export class WorkerGroup {
  private readonly deps: WorkerGroupDependencies;
  private readonly members: readonly Member[];
  /** No worker is replaced any more. */
  private stopping = false;
  /** All workers have started once. Until then, a worker that cannot start makes the start of all fail. */
  private started = false;

  constructor(deps: WorkerGroupDependencies) {
    this.deps = deps;
    this.members = Array.from({ length: deps.count }, (_, worker) => ({
      worker,
      thread: null,
      listening: false,
      starting: null,
      configVersion: 0,
      pauseMs: 0,
      cancelPause: () => {},
      failures: 0,
    }));
  }

  /** Rejects with the system's error when a worker cannot listen; then no thread is left. */
  async start(): Promise<void> {
    const [first, ...others] = this.members;
    try {
      // The first one alone: a port that the system chooses for it is then the port of all.
      if (first !== undefined) await this.startMember(first);
      await Promise.all(others.map((member) => this.startMember(member)));
      this.started = true;
    } catch (error) {
      await this.terminate();
      throw error;
    }
  }

  get status(): readonly WorkerStatus[] {
    return this.members.map(({ worker, listening, failures }) => ({ worker, listening, replaced: failures }));
  }

  /** Sends a message to all workers, or to all but one. */
  broadcast(message: WorkerMessage, except = -1): void {
    for (const { worker, thread } of this.members) if (worker !== except) thread?.send(message);
  }

  /** Resolves when all workers have handled the messages sent to them before this call. */
  async sync(): Promise<void> {
    const replies = this.members.map(({ thread }) => thread?.request<'synced'>({ kind: 'sync' }));
    await within(this.deps.timers, replyTimeoutMs, Promise.all(replies));
  }

  /**
   * Each worker applies the newest config. Rejects with the error of a worker that cannot.
   * `rollback`: the newest config is the one before, which cannot fail: a worker that does not apply it is replaced.
   */
  async reload(rollback = false): Promise<void> {
    const [first, ...others] = this.members;
    // As in `start`.
    if (first !== undefined) await this.reloadMember(first, rollback);
    const results = await Promise.allSettled(others.map((member) => this.reloadMember(member, rollback)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /**
   * True when every open exchange finished by itself within `limitMs`. Workers that start or pause have no exchanges.
   */
  async stop(limitMs: number): Promise<boolean> {
    this.stopReplacing();
    const finished = await Promise.all(
      this.members.map(async (member) => {
        if (member.starting !== null) await within(this.deps.timers, replyTimeoutMs, member.starting);
        if (member.thread === null || !member.listening) return true;
        const stopped = member.thread.request<'stopped'>({ kind: 'stop' });
        const reply = await within(this.deps.timers, limitMs + replyTimeoutMs, stopped);
        return reply?.finished ?? false;
      }),
    );
    return finished.every((one) => one);
  }

  /** Ends a worker that cannot be used any more; another thread takes its place. Resolves when its thread is gone. */
  async replace(worker: number, failure: Error): Promise<void> {
    await this.members[worker]?.thread?.terminate(failure);
  }

  /** Ends all threads at once. */
  async terminate(): Promise<void> {
    this.stopReplacing();
    await Promise.all(this.members.map(({ thread }) => thread?.terminate()));
  }

  private stopReplacing(): void {
    this.stopping = true;
    for (const { cancelPause } of this.members) cancelPause();
  }

  private startMember(member: Member): Promise<void> {
    const started = this.startThread(member);
    member.starting = started
      .catch(() => {})
      .then(() => {
        member.starting = null;
      });
    return started;
  }

  /** Resolves when the worker listens with the newest config. Rejects when it cannot; then its thread is gone. */
  private async startThread(member: Member): Promise<void> {
    const { spawn, timers, clock, initFor } = this.deps;
    const since = clock.monotonic();
    let failure: unknown;
    let thread: WorkerThread;
    try {
      const init = initFor(member.worker);
      member.configVersion = init.config.versions.configs;
      thread = new WorkerThread(spawn(init), {
        onEvent: (event, from) => this.deps.onEvent(event, member.worker, (message) => from.send(message)),
        onExit: (reason) => {
          // Why it could not start says more than that it was terminated for it.
          failure ??= reason;
          this.exited(member, since, failure);
        },
      });
    } catch (error) {
      // There is no memory, or no descriptor, for another thread. That may pass.
      this.exited(member, since, error);
      throw error;
    }
    member.thread = thread;
    const result = await within(timers, startTimeoutMs, thread.started);
    if (result?.kind === 'listening') {
      member.listening = true;
      this.deps.onListening(member.worker, result);
      await this.catchUp(member, thread);
      return;
    }
    if (result?.kind === 'failed') failure = asError(result.error);
    if (member.thread === thread) {
      failure ??= new Error(`it does not listen after ${startTimeoutMs} ms`);
      await thread.terminate();
    }
    throw asError(failure ?? 'the worker ended');
  }

  /** Sends the configs that were published while the worker started. */
  private async catchUp(member: Member, thread: WorkerThread): Promise<void> {
    while (member.thread === thread && !this.stopping && member.configVersion !== this.deps.configVersion()) {
      await this.sendConfig(member, thread, true);
    }
  }

  private async reloadMember(member: Member, rollback: boolean): Promise<void> {
    // A worker that pauses, or starts too slowly, gets the newest config when it starts, or when it listens.
    if (member.starting !== null) await within(this.deps.timers, replyTimeoutMs, member.starting);
    const { thread } = member;
    if (thread === null || member.starting !== null || member.configVersion === this.deps.configVersion()) return;
    await this.sendConfig(member, thread, rollback);
  }

  /**
   * `replaceOnError`: a worker that cannot apply the config is replaced, and the new thread starts with it. Otherwise this
   * rejects, and the worker keeps the config that it had.
   */
  private async sendConfig(member: Member, thread: WorkerThread, replaceOnError: boolean): Promise<void> {
    const config = this.deps.configFor(member.worker);
    const reloaded = thread.request<'reloaded'>({ kind: 'reload', config });
    const reply = await within(this.deps.timers, replyTimeoutMs, reloaded);
    if (reply?.error != null && !replaceOnError) throw asError(reply.error);
    if (reply === undefined || reply.error !== null) {
      await thread.terminate();
      return;
    }
    member.configVersion = config.versions.configs;
    this.deps.onListening(member.worker, reply);
  }

  /** The exchanges of a worker that died are lost, and nothing else is. */
  private exited(member: Member, since: number, failure: unknown): void {
    const { log, clock, timers, onLost } = this.deps;
    const { worker, listening } = member;
    member.thread = null;
    member.listening = false;
    // `start` rejects with the reason. But a worker that had listened already is replaced.
    if (this.stopping || (!this.started && !listening)) return;
    const reason = describe(failure);
    log.warn(`worker ${worker + 1} failed and is replaced: ${reason}`);
    onLost(worker, reason.split('\n', 1).join());
    member.failures++;
    const pauseMs = clock.monotonic() - since >= stableAfterMs ? 0 : member.pauseMs;
    member.pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, pauseMs * 2));
    member.cancelPause = timers.after(pauseMs, () => {
      // `exited` has logged the failure.
      this.startMember(member).catch(() => {});
    });
  }
}

function describe(failure: unknown): string {
  if (isListenError(failure)) return failure.message;
  if (failure instanceof Error) return failure.stack ?? failure.message;
  return String(failure ?? 'it ended');
}
