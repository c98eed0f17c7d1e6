/** One worker thread as the supervisor sees it: questions and answers, news in between, and how it ended. */
import { Worker } from 'node:worker_threads';
import type { Birth, FromWorker, ToWorker } from './messages.ts';

export interface ThreadEvents {
  /** What it says without being asked. */
  onNews(message: FromWorker, thread: Thread): void;
  /** The thread is gone. `failure`: what was thrown; undefined when it was told to end. */
  onExit(failure: unknown, thread: Thread): void;
}

const answers: readonly FromWorker['kind'][] = ['listening', 'failed', 'reloaded', 'stopped'];

export class Thread {
  private readonly worker: Worker;
  private failure: unknown;
  /** Asked last; one question at a time. undefined: the thread ended before it answered. */
  private onAnswer: (message: FromWorker | undefined) => void = () => {};
  /** Who waits until the thread has done what it was told, oldest first. */
  private readonly marks: (() => void)[] = [];

  /** `entry` runs a worker. */
  constructor(entry: URL, birth: Birth, events: ThreadEvents) {
    const transferList = birth.copies === null ? [] : [birth.copies.port];
    this.worker = new Worker(entry, { workerData: birth, transferList });
    this.worker.on('message', (message: FromWorker) => {
      if (answers.includes(message.kind)) this.answer(message);
      else if (message.kind === 'marked') this.marks.shift()?.();
      else events.onNews(message, this);
    });
    this.worker.on('error', (error: unknown) => {
      this.failure = error;
    });
    this.worker.on('exit', () => {
      events.onExit(this.failure, this);
      this.answer(undefined);
      for (const done of this.marks.splice(0)) done();
    });
  }

  tell(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** Resolves when all that it was told has been done, or the thread has ended. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.marks.push(resolve);
      this.tell({ kind: 'mark' });
    });
  }

  /** Its next answer when it is of that kind; undefined when it is not, or the thread has ended. */
  async ask<Kind extends FromWorker['kind']>(
    question: ToWorker,
    kind: Kind,
  ): Promise<Extract<FromWorker, { kind: Kind }> | undefined> {
    const answered = this.answered();
    this.tell(question);
    const message = await answered;
    return message?.kind === kind ? (message as Extract<FromWorker, { kind: Kind }>) : undefined;
  }

  /** Its next answer; the first one comes by itself, when it listens or has failed to. */
  answered(): Promise<FromWorker | undefined> {
    return new Promise((resolve) => {
      this.onAnswer = resolve;
    });
  }

  /** `failure`: what `onExit` is told; left out: nothing went wrong. Also a loop that never turns again is ended. */
  async end(failure?: Error): Promise<void> {
    this.failure ??= failure;
    await this.worker.terminate();
  }

  private answer(message: FromWorker | undefined): void {
    const told = this.onAnswer;
    this.onAnswer = () => {};
    told(message);
  }
}

/** An error that came over from a thread as plain data, with its code. */
export function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return Object.assign(new Error(message), error);
}
