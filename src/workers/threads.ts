/**
 * All worker threads as one: starts them, gives each the newest plan, and replaces those that fail.
 *
 *      pausing ──> starting ──> listening ──> (exit) ──> pausing
 *         ^            │ failed                             0 s, 100 ms, 200 ms ... 10 s; 0 s again after a minute
 *         └────────────┘
 *
 * A worker that starts is asked nothing: when it listens it gets the plan that is newest then.
 */
import { isListenError } from '../net/listen-error.ts';
import type { Clock, Timers } from '../time/clock.ts';
import { within } from '../time/within.ts';
import type { Answer, FromWorker, Started, ToWorker, WorkerConfig, WorkerInit } from './messages.ts';
import { asError, Thread } from './thread.ts';

export interface ThreadsDependencies {
  /** Runs a worker. */
  readonly entry: URL;
  readonly count: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: { warn(message: string): void };
  /** What a worker starts with: the newest plan. */
  readonly init: (worker: number) => WorkerInit;
  /** The newest plan. */
  readonly config: (worker: number) => WorkerConfig;
  /** Configs told up to now: a plan with fewer is an old one. */
  readonly configs: () => number;
  /** It listens, at these addresses. */
  readonly onListening: (worker: number, addresses: readonly string[], ports: readonly number[]) => void;
  /** `reply` tells that very thread something, if it is still there. */
  readonly onMessage: (
    message: Exclude<FromWorker, Answer | Started>,
    worker: number,
    reply: (message: ToWorker) => void,
  ) => void;
  /** A worker has died: before another one takes its number. */
  readonly onLost: (worker: number) => void;
}

/** A worker that has not answered after this long (ms) is lost. */
const patience = 5000;
/** So is one that does not listen after this long (ms): a busy machine loads the program slowly. */
const startPatience = 60_000;
/** A worker that fails again and again is started anew after ever longer times (ms). */
const shortestPause = 100;
const longestPause = 10_000;
/** One that has run for this long (ms) is as good as new. */
const wellAfter = 60_000;

interface Post {
  readonly worker: number;
  /** null: it pauses, or has not been started yet. */
  thread: Thread | null;
  listening: boolean;
  /** Resolved when it listens with the newest plan, or is gone; null: it does not start. */
  starting: Promise<void> | null;
  /** Configs of the plan that it has. */
  configs: number;
  /** Before the next start after a failure (ms). */
  pause: number;
  cancelPause: () => void;
}

export class Threads {
  private readonly deps: ThreadsDependencies;
  private readonly posts: readonly Post[];
  /** Nobody is replaced any more. */
  private stopping = false;
  /** A worker that cannot start fails the start of all. */
  private begun = false;

  constructor(deps: ThreadsDependencies) {
    this.deps = deps;
    this.posts = Array.from({ length: deps.count }, (_, worker) => ({
      worker,
      thread: null,
      listening: false,
      starting: null,
      configs: 0,
      pause: 0,
      cancelPause: () => {},
    }));
  }

  /** Rejects with the system's error when a worker cannot listen; then no thread is left. */
  async start(): Promise<void> {
    const [first, ...others] = this.posts;
    try {
      // The first one alone: a port that the system chooses is the same for all.
      await this.startOne(first!);
      await Promise.all(others.map((post) => this.startOne(post)));
      this.begun = true;
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  tell(message: ToWorker, except = -1): void {
    for (const { worker, thread } of this.posts) if (worker !== except) thread?.tell(message);
  }

  /** Resolves when all have done what they were told. */
  async done(): Promise<void> {
    const asked = this.posts.map(({ thread }) => thread?.ask<'marked'>({ kind: 'mark' }));
    await within(this.deps.timers, patience, Promise.all(asked));
  }

  /**
   * Each worker takes the newest plan over: the first one alone, for the ports that the system chooses, then the others.
   * Rejects with the error of one that cannot. `back`: to the plan before, which always ends well; one that cannot is replaced.
   */
  async reload(back = false): Promise<void> {
    const [first, ...others] = this.posts;
    await this.reloadOne(first!, back);
    const results = await Promise.allSettled(others.map((post) => this.reloadOne(post, back)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** True when every open exchange finished by itself within `limit` ms. Those that start or pause have none. */
  async stop(limit: number): Promise<boolean> {
    this.cease();
    const finished = await Promise.all(
      this.posts.map(async (post) => {
        if (post.starting !== null) await within(this.deps.timers, patience, post.starting);
        if (post.thread === null || !post.listening) return true;
        const answer = await within(this.deps.timers, limit + patience, post.thread.ask<'stopped'>({ kind: 'stop' }));
        return answer?.finished ?? false;
      }),
    );
    return finished.every((one) => one);
  }

  /** Ends one that cannot be used any more, and why; another one takes its place. */
  async fail(worker: number, failure: Error): Promise<void> {
    await this.posts[worker]?.thread?.end(failure);
  }

  /** Ends all threads at once. */
  async end(): Promise<void> {
    this.cease();
    await Promise.all(this.posts.map(({ thread }) => thread?.end()));
  }

  private cease(): void {
    this.stopping = true;
    for (const { cancelPause } of this.posts) cancelPause();
  }

  private startOne(post: Post): Promise<void> {
    const started = this.startNow(post);
    post.starting = started
      .catch(() => {})
      .then(() => {
        post.starting = null;
      });
    return started;
  }

  /** Resolves when it listens, with the newest plan. Rejects when it cannot: then it is gone. */
  private async startNow(post: Post): Promise<void> {
    const { entry, timers, clock, init } = this.deps;
    const since = clock.monotonic();
    let why: unknown;
    let thread: Thread;
    try {
      const born = init(post.worker);
      post.configs = born.config.versions.configs;
      thread = new Thread(entry, born, {
        onMessage: (message, from) => this.deps.onMessage(message, post.worker, (reply) => from.tell(reply)),
        onExit: (failure) => {
          // What it could not start with says more than that it was ended for it.
          why ??= failure;
          this.exited(post, since, why);
        },
      });
    } catch (error) {
      // No memory, or no descriptor, for another thread: that may pass.
      this.exited(post, since, error);
      throw error;
    }
    post.thread = thread;
    const answer = await within(timers, startPatience, thread.started);
    if (answer?.kind === 'listening') {
      post.listening = true;
      this.deps.onListening(post.worker, answer.addresses, answer.ports);
      await this.catchUp(post, thread);
      return;
    }
    if (answer?.kind === 'failed') why = asError(answer.error);
    // Only to be ended when it is still there.
    if (post.thread === thread) {
      why ??= new Error(`it does not listen after ${startPatience} ms`);
      await thread.end();
    }
    throw asError(why ?? 'the worker ended');
  }

  /** Configs that came while it started. */
  private async catchUp(post: Post, thread: Thread): Promise<void> {
    while (post.thread === thread && !this.stopping && post.configs !== this.deps.configs()) {
      await this.hand(post, thread, true);
    }
  }

  private async reloadOne(post: Post, back: boolean): Promise<void> {
    // One that pauses, or is too slow, gets the newest plan when it starts, or listens.
    if (post.starting !== null) await within(this.deps.timers, patience, post.starting);
    const { thread } = post;
    if (thread === null || post.starting !== null || post.configs === this.deps.configs()) return;
    await this.hand(post, thread, back);
  }

  /** `replace`: one that cannot take it over is replaced, and starts with it. Else it rejects, and keeps what it had. */
  private async hand(post: Post, thread: Thread, replace: boolean): Promise<void> {
    const config = this.deps.config(post.worker);
    const answer = await within(this.deps.timers, patience, thread.ask<'reloaded'>({ kind: 'reload', config }));
    if (answer?.error != null && !replace) throw asError(answer.error);
    if (answer === undefined || answer.error !== null) {
      await thread.end();
      return;
    }
    post.configs = config.versions.configs;
    this.deps.onListening(post.worker, answer.addresses, answer.ports);
  }

  /** The exchanges of a worker that died are lost, and nothing else is. */
  private exited(post: Post, since: number, failure: unknown): void {
    const { log, clock, timers, onLost } = this.deps;
    const { worker, listening } = post;
    post.thread = null;
    post.listening = false;
    // The start of all says why; a worker that has listened already is another matter.
    if (this.stopping || (!this.begun && !listening)) return;
    const reason = isListenError(failure)
      ? failure.message
      : failure instanceof Error
        ? (failure.stack ?? failure.message)
        : String(failure ?? 'it ended');
    log.warn(`worker ${worker + 1} failed and is replaced: ${reason}`);
    onLost(worker);
    const well = clock.monotonic() - since >= wellAfter;
    const pause = well ? 0 : post.pause;
    post.pause = Math.min(longestPause, Math.max(shortestPause, pause * 2));
    post.cancelPause = timers.after(pause, () => {
      // It has been told when it failed.
      this.startOne(post).catch(() => {});
    });
  }
}
