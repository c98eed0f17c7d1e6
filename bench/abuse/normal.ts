/**
 * Normal clients, in a thread of their own so that attackers do not slow them down in the same loop: each keeps a connection
 * and its cookies, asks, reads, thinks for some milliseconds, and asks again.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface NormalSetup {
  readonly port: number;
  readonly path: string;
  readonly clients: number;
  /** They speak HTTP/2. */
  readonly h2: boolean;
  /** HTTP/2 over TLS; they believe any certificate. */
  readonly tls: boolean;
}

export interface Window {
  readonly answers: number;
  /** Milliseconds. */
  readonly p99: number;
  /** By what went wrong, how often. */
  readonly errors: Readonly<Record<string, number>>;
}

/** What a request may take (ms). */
const patience = 5000;
const thinkTime = 8;

/** Handles the thread from outside. */
export class Normals implements AsyncDisposable {
  private readonly worker: Worker;

  constructor(setup: NormalSetup) {
    this.worker = new Worker(new URL(import.meta.url), { workerData: setup });
  }

  /** All of them, for so long (ms). */
  async window(length: number): Promise<Window> {
    // Also rejects with what ends the worker.
    const told = once(this.worker, 'message');
    this.worker.postMessage(length);
    const [window] = await told;
    return window as Window;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}

/** Full sets, so that nothing is averaged away; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The cookies of one client. */
class Cookies {
  private readonly values = new Map<string, string>();

  get header(): string {
    return [...this.values].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  take(lines: readonly string[] = []): void {
    for (const line of lines) {
      const [pair = ''] = line.split(';', 1);
      this.values.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
  }
}

interface NormalClient {
  /** Milliseconds. Rejects with what went wrong. */
  ask(): Promise<number>;
}

class H2Client implements NormalClient {
  private readonly cookies = new Cookies();
  private readonly setup: NormalSetup;
  private session: ClientHttp2Session | null = null;

  constructor(setup: NormalSetup) {
    this.setup = setup;
  }

  ask(): Promise<number> {
    const { port, path, tls } = this.setup;
    if (this.session === null || this.session.closed || this.session.destroyed) {
      this.session = connect(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false });
      this.session.on('error', () => {});
    }
    const { header } = this.cookies;
    const begun = performance.now();
    const signal = AbortSignal.timeout(patience);
    const stream = this.session.request({ ':path': path, ...(header === '' ? {} : { cookie: header }) }, { signal });
    return new Promise((done, fail) => {
      let status = 0;
      let reason = '';
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
        reason = String(headers['limpet-reason'] ?? '');
        this.cookies.take(headers['set-cookie']);
      });
      stream.on('error', (error: NodeJS.ErrnoException) => fail(new Error(error.code ?? error.message)));
      stream.resume().on('end', () => {
        if (status === 200) done(performance.now() - begun);
        else fail(new Error(`${status} ${reason}`.trim()));
      });
      stream.on('close', () => fail(new Error('closed')));
    });
  }
}

class H1Client implements NormalClient {
  private readonly cookies = new Cookies();
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private readonly setup: NormalSetup;

  constructor(setup: NormalSetup) {
    this.setup = setup;
  }

  ask(): Promise<number> {
    const { port, path } = this.setup;
    const { agent } = this;
    const cookie = this.cookies.header;
    const headers = cookie === '' ? {} : { cookie };
    const begun = performance.now();
    return new Promise((done, fail) => {
      const signal = AbortSignal.timeout(patience);
      const asked = request({ port, path, host: '127.0.0.1', agent, headers, signal }, (response) => {
        this.cookies.take(response.headers['set-cookie']);
        response.resume().on('error', fail);
        response.on('end', () => {
          if (response.statusCode === 200) done(performance.now() - begun);
          else fail(new Error(`${response.statusCode} ${response.headers['limpet-reason'] ?? ''}`.trim()));
        });
      });
      asked.on('error', (error: NodeJS.ErrnoException) => fail(new Error(error.code ?? error.message)));
      asked.end();
    });
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const setup = workerData as NormalSetup;
  const clients = Array.from({ length: setup.clients }, () =>
    setup.h2 || setup.tls ? new H2Client(setup) : new H1Client(setup),
  );
  port.on('message', async (length: number) => {
    const took: number[] = [];
    const errors: Record<string, number> = {};
    const until = performance.now() + length;
    await Promise.all(
      clients.map(async (client, n) => {
        await sleep((n * thinkTime) / clients.length);
        while (performance.now() < until) {
          try {
            took.push(await client.ask());
          } catch (error) {
            const why = error instanceof Error ? error.message : String(error);
            errors[why] = (errors[why] ?? 0) + 1;
          }
          await sleep(thinkTime);
        }
      }),
    );
    port.postMessage({ answers: took.length, p99: percentile(took, 0.99), errors } satisfies Window);
  });
}
