/** One worker thread as the supervisor sees it: questions and their answers, news in between, and how it ended. */
import { Worker } from 'node:worker_threads';
import type { Answer, FromWorker, Question, Started, ToWorker, WorkerInit } from './messages.ts';

export interface ThreadEvents {
  /** What it says without being asked. */
  onMessage(message: Exclude<FromWorker, Answer | Started>, thread: Thread): void;
  /** The thread is gone. `failure`: what was thrown; undefined when it was told to end. Told once, before `started` and answers. */
  onExit(failure: unknown, thread: Thread): void;
}

export class Thread {
  /** It listens, or could not start; undefined: it has ended before it said so. */
  readonly started: Promise<Started | undefined>;
  private readonly worker: Worker;
  private failure: unknown;
  /** Who waits for an answer, by the number of the question. undefined: the thread has ended. */
  private readonly asked = new Map<number, (answer: Answer | undefined) => void>();
  private questions = 0;

  /** `entry` runs a worker. Throws the system's error when there can be no other thread. */
  constructor(entry: URL, init: WorkerInit, events: ThreadEvents) {
    let start: (answer: Started | undefined) => void = () => {};
    this.started = new Promise((resolve) => {
      start = resolve;
    });
    const transferList = init.copies === null ? [] : [init.copies.port];
    this.worker = new Worker(entry, { workerData: init, transferList });
    this.worker.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'listening':
        case 'failed':
          start(message);
          return;
        case 'reloaded':
        case 'marked':
        case 'stopped':
          this.asked.get(message.id)?.(message);
          this.asked.delete(message.id);
          return;
        default:
          events.onMessage(message, this);
      }
    });
    this.worker.on('error', (error: unknown) => {
      this.failure = error;
    });
    this.worker.on('exit', () => {
      events.onExit(this.failure, this);
      start(undefined);
      for (const tell of this.asked.values()) tell(undefined);
      this.asked.clear();
    });
  }

  tell(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** Several may be asked at one time. undefined: the thread has ended. One that starts hears it, and may not act on it yet. */
  ask<Kind extends Answer['kind']>(
    question: Question<Kind>,
  ): Promise<Extract<Answer, { readonly kind: Kind }> | undefined> {
    const id = this.questions++;
    return new Promise((resolve) => {
      this.asked.set(id, (answer) => resolve(answer as Extract<Answer, { readonly kind: Kind }> | undefined));
      this.tell({ ...question, id } as ToWorker);
    });
  }

  /** `failure`: what `onExit` is told; left out: nothing went wrong. Also a loop that never turns again is ended. */
  async end(failure?: Error): Promise<void> {
    this.failure ??= failure;
    await this.worker.terminate();
  }
}

/** An error that came over from a thread as plain data, with its code. */
export function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return Object.assign(new Error(message), error);
}
