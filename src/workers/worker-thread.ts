/** One worker thread as the supervisor sees it: messages, requests with their replies, events, and how it ended. */
import { Worker } from 'node:worker_threads';
import type {
  FromWorker,
  ReplyOf,
  StartResult,
  ToWorker,
  WorkerEvent,
  WorkerInit,
  WorkerMessage,
  WorkerReply,
  WorkerRequests,
} from './messages.ts';

/** What is needed of a thread of the runtime, so that tests can drive one by hand. */
export interface ThreadPort {
  postMessage(message: ToWorker): void;
  /** Ends the thread, also one whose event loop hangs. Resolves when it is gone. */
  terminate(): Promise<unknown>;
  on(event: 'message', listener: (message: FromWorker) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
}

/** Starts a thread of the runtime. Throws the system's error when there can be no other thread. */
export type SpawnThread = (init: WorkerInit) => ThreadPort;

/** `entry` is the module that a worker runs. */
export function spawnFrom(entry: URL): SpawnThread {
  return (init) => {
    const transferList = init.store === null ? [] : [init.store.port];
    return new Worker(entry, { workerData: init, transferList });
  };
}

export interface WorkerThreadEvents {
  onEvent(event: WorkerEvent, thread: WorkerThread): void;
  /**
   * The thread is gone. `failure` is what it threw, or why it was terminated; undefined when nothing went wrong. Called once,
   * before `started` and open requests resolve.
   */
  onExit(failure: unknown, thread: WorkerThread): void;
}

export class WorkerThread {
  /** Resolves when the worker listens or cannot start; undefined: it has ended before. */
  readonly started: Promise<StartResult | undefined>;
  private readonly port: ThreadPort;
  private failure: unknown;
  /** Open requests, by number. undefined: the thread has ended. */
  private readonly requests = new Map<number, (reply: WorkerReply | undefined) => void>();
  private nextId = 0;

  constructor(port: ThreadPort, events: WorkerThreadEvents) {
    let start: (result: StartResult | undefined) => void = () => {};
    this.started = new Promise((resolve) => {
      start = resolve;
    });
    this.port = port;
    port.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'listening':
        case 'failed':
          start(message);
          return;
        case 'reloaded':
        case 'synced':
        case 'stopped':
          this.requests.get(message.id)?.(message);
          this.requests.delete(message.id);
          return;
        default:
          events.onEvent(message, this);
      }
    });
    port.on('error', (error: unknown) => {
      this.failure = error;
    });
    port.on('exit', () => {
      events.onExit(this.failure, this);
      start(undefined);
      for (const resolve of this.requests.values()) resolve(undefined);
      this.requests.clear();
    });
  }

  send(message: WorkerMessage): void {
    this.port.postMessage(message);
  }

  /**
   * Several requests may be open at one time. Resolves with undefined when the thread ends first. A worker that still starts
   * receives the request, but may not handle it yet.
   */
  request<Kind extends WorkerReply['kind']>(request: WorkerRequests[Kind]): Promise<ReplyOf<Kind> | undefined> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.requests.set(id, (reply) => resolve(reply as ReplyOf<Kind> | undefined));
      this.port.postMessage({ ...request, id });
    });
  }

  /** `failure` is what `onExit` gets; left out: nothing went wrong. */
  async terminate(failure?: Error): Promise<void> {
    this.failure ??= failure;
    await this.port.terminate();
  }
}

/** An error that came from another thread as plain data, with its code. */
export function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return Object.assign(new Error(message), error);
}
