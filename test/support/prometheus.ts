/** A real Prometheus, for tests: it scrapes as its config says, and answers queries. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './free-port.ts';
import { ask } from './peers.ts';

export interface QueryAnswer {
  readonly status?: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: [number, string] }[];
  };
}

export class Prometheus implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  /** By `prometheus.yml` of that folder. It is not ready yet. */
  static async start(program: string, folder: string): Promise<Prometheus> {
    const port = await freePort();
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--log.level=error', listen];
    return new Prometheus(spawn(program, args, { cwd: folder, stdio: 'ignore' }), port);
  }

  /** Until it is ready there is no status in the answer. */
  async query(expr: string): Promise<QueryAnswer> {
    const url = `http://127.0.0.1:${this.port}/api/v1/query?query=${encodeURIComponent(expr)}`;
    // Until then it answers with 503, and no JSON.
    const { status, body } = await ask(url).catch(() => ({ status: 0, body: '' }));
    return JSON.parse(status === 200 || status === 400 ? body : '{}') as QueryAnswer;
  }

  /** The one value of a query; undefined: it has none, or several. */
  async value(expr: string): Promise<number | undefined> {
    const { data } = await this.query(expr);
    return data?.result.length === 1 ? Number(data.result[0]?.value[1]) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
