/** A real redis-server on a free loopback port, without files, that a test may kill and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { host } from './host.ts';
import { findProgram } from './programs.ts';

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  private readonly options: readonly string[];
  /** What it says when it is ready. */
  private readonly sign: string;
  private child: ChildProcess | null = null;

  private constructor(port: number, options: readonly string[], sign = 'Ready to accept connections') {
    this.port = port;
    this.options = options;
    this.sign = sign;
  }

  /** A Sentinel that watches the server at that port as `name`, and makes a replica of it the master half a second after it is gone. */
  static async startSentinel(name: string, port: number): Promise<RedisServer> {
    const file = join(mkdtempSync(join(tmpdir(), 'limpet-sentinel-')), 'sentinel.conf');
    const lines = [
      `sentinel announce-ip ${host}`,
      `sentinel monitor ${name} ${host} ${port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      // A replica that names another way to its master is pointed to the master itself after so long: a test may lead replication through a gate.
      `sentinel failover-timeout ${name} 60000`,
    ];
    writeFileSync(file, lines.join('\n'));
    return RedisServer.startWith([file, '--sentinel'], 'monitor master');
  }

  /** With these options of its command line. */
  static start(...options: string[]): Promise<RedisServer> {
    return RedisServer.startWith(options);
  }

  private static async startWith(options: readonly string[], sign?: string): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options, sign);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://${host}:${this.port}`;
  }

  async start(): Promise<void> {
    const place = ['--bind', host, '--port', String(this.port)];
    const files = ['--save', '', '--appendonly', 'no', '--dir', tmpdir()];
    const usual = [...place, ...files, '--cluster-config-file', `nodes-${this.port}.conf`, ...this.options];
    const [first = ''] = this.options;
    // A Sentinel has a file, which stands before all options.
    const args = first.startsWith('/') ? [...this.options, ...place] : usual;
    const child = spawn(findProgram('redis')!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child = child;
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes(this.sign)) break;
    }
    if (!said.includes(this.sign)) throw new Error(`redis-server does not start:\n${said}`);
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(join(tmpdir(), `nodes-${this.port}.conf`), { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
