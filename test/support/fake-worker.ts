/**
 * Worker threads that a test drives by hand: each one records what it is sent, and says and does only what the test tells it to.
 */
import type {
  FromWorker,
  ToWorker,
  WorkerConfig,
  WorkerEvent,
  WorkerInit,
  WorkerReply,
} from '../../src/workers/messages.ts';
import type { SpawnThread, ThreadPort } from '../../src/workers/worker-thread.ts';

type Request = Extract<ToWorker, { readonly id: number }>;

export class FakeWorker implements ThreadPort {
  readonly init: WorkerInit;
  /** Everything that it was sent, in order. */
  readonly received: ToWorker[] = [];
  state: 'running' | 'terminated' | 'ended' = 'running';
  private onMessage: (message: FromWorker) => void = () => {};
  private onError: (error: unknown) => void = () => {};
  private onExit: () => void = () => {};

  constructor(init: WorkerInit) {
    this.init = init;
  }

  /** What the code under test calls. */
  on(event: 'message' | 'error' | 'exit', listener: (value: never) => void): void {
    if (event === 'message') this.onMessage = listener as (message: FromWorker) => void;
    else if (event === 'error') this.onError = listener as (error: unknown) => void;
    else this.onExit = listener as () => void;
  }

  postMessage(message: ToWorker): void {
    this.received.push(message);
  }

  terminate(): Promise<void> {
    if (this.state === 'running') {
      this.state = 'terminated';
      this.onExit();
    }
    return Promise.resolve();
  }

  /** The test's side. `port` is the one that is bound for each listener. */
  listen(port = 8080): void {
    const { listeners } = this.init.config.options;
    const ports = listeners.map(() => port);
    this.send({ kind: 'listening', addresses: ports.map((one) => `http://127.0.0.1:${one}`), ports });
  }

  cannotStart(message: string, code: string): void {
    this.send({ kind: 'failed', error: { message, code } });
  }

  emit(event: WorkerEvent): void {
    this.send(event);
  }

  /** It throws, and the thread ends. */
  crash(message: string): void {
    this.state = 'ended';
    this.onError(new Error(message));
    this.onExit();
  }

  /** The config of the reload request that it has not answered yet. */
  get pendingConfig(): WorkerConfig | undefined {
    const request = this.pending('reload');
    return request?.kind === 'reload' ? request.config : undefined;
  }

  /** Answers the open reload request; `error`: it cannot apply the config. */
  reloaded(error: { readonly message: string; readonly code: string } | null = null): void {
    const { id } = this.take('reload');
    const ports = this.init.config.options.listeners.map(() => 8080);
    this.send({ kind: 'reloaded', id, error, addresses: ports.map((one) => `http://127.0.0.1:${one}`), ports });
  }

  synced(): void {
    this.send({ kind: 'synced', id: this.take('sync').id });
  }

  stopped(finished: boolean): void {
    this.send({ kind: 'stopped', id: this.take('stop').id, finished });
  }

  private readonly answered = new Set<number>();

  private pending(kind: Request['kind']): Request | undefined {
    return this.received.find(
      (message): message is Request => message.kind === kind && 'id' in message && !this.answered.has(message.id),
    );
  }

  private take(kind: Request['kind']): Request {
    const request = this.pending(kind);
    if (request === undefined) throw new Error(`worker ${this.init.worker} has no open request ${kind}`);
    this.answered.add(request.id);
    return request;
  }

  private send(message: FromWorker | WorkerReply): void {
    if (this.state !== 'running') throw new Error(`worker ${this.init.worker} has ${this.state}`);
    this.onMessage(message);
  }
}

/** All threads that were started, in order. */
export class FakeWorkers {
  readonly all: FakeWorker[] = [];
  /** So many starts of a thread fail. */
  failing = 0;

  readonly spawn: SpawnThread = (init) => {
    if (this.failing > 0) {
      this.failing--;
      throw new Error('no more threads');
    }
    const worker = new FakeWorker(init);
    this.all.push(worker);
    return worker;
  };

  /** The thread that has this number now. */
  get(worker: number): FakeWorker {
    const found = this.all.filter(({ init }) => init.worker === worker).at(-1);
    if (found === undefined) throw new Error(`worker ${worker} was not started`);
    return found;
  }
}

/** Everything that is ready to run has run: promises that were resolved have been acted upon. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
