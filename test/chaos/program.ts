/** A program of the stage that is killed, stopped, continued and started again, always in the same place. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ProgramSetup {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What it says, on either output, once it can be used. */
  readonly ready: RegExp;
}

const startLimit = 20_000;
const stopLimit = 15_000;

export class Program implements AsyncDisposable {
  readonly setup: ProgramSetup;
  /** Of its present life. */
  output = '';
  private child: ChildProcess | null = null;

  constructor(setup: ProgramSetup) {
    this.setup = setup;
  }

  get isRunning(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when it is ready; rejects when it ends before, or takes too long. */
  async start(): Promise<void> {
    const { name, file, args, env, cwd, ready } = this.setup;
    const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    this.output = '';
    // The pipe that tells a server of its end may be gone before the server is.
    child.stdin.on('error', () => {});
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (what: string) => reject(new Error(`${name} ${what}:\n${this.output.slice(-4000)}`));
    const hear = (text: string) => {
      this.output = (this.output + text).slice(-100_000);
      if (ready.test(this.output)) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`ended (${code ?? signal})`));
    const timer = setTimeout(() => fail('did not start in time'), startLimit);
    await promise.finally(() => clearTimeout(timer));
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child?.kill(signal);
  }

  /** Resolves when it has ended; what does not end by itself is killed. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === null || !this.isRunning) return;
    const exit = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimit);
    child.kill(signal);
    await exit;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}
