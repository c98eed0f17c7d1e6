/** A real redis-server on a free loopback port, without files, that a test may kill and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { host } from './host.ts';
import { findProgram } from './programs.ts';

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  private readonly options: readonly string[];
  private child: ChildProcess | null = null;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.options = options;
  }

  /** With these options of its command line. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://${host}:${this.port}`;
  }

  async start(): Promise<void> {
    const usual = ['--bind', host, '--port', String(this.port), '--save', '', '--appendonly', 'no'];
    const args = [...usual, '--dir', tmpdir(), '--cluster-config-file', `nodes-${this.port}.conf`, ...this.options];
    const child = spawn(findProgram('redis')!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child = child;
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes('Ready to accept connections')) break;
    }
    if (!said.includes('Ready')) throw new Error(`redis-server does not start:\n${said}`);
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
