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
  readonly onLine?: (line: string) => void;
  /** It was ready, and has ended without having been told to. */
  readonly onEnd?: (how: string) => void;
}

const startLimit = 60_000;
const stopLimit = 15_000;

export class Program implements AsyncDisposable {
  readonly setup: ProgramSetup;
  /** Of its present life. */
  output = '';
  private child: ChildProcess | null = null;
  private rest = '';
  private isEnding = false;
  private isReady = false;
  /** Who waits until it is ready. */
  private waiting: (() => void)[] = [];
  private started: Promise<void> = Promise.resolve();

  constructor(setup: ProgramSetup) {
    this.setup = setup;
  }

  /** Of its present life; 0 before it has one. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when it is ready; rejects when it ends before, or takes too long. */
  start(): Promise<void> {
    // Somebody else may have found it gone and started it.
    if (!this.isRunning) this.started = this.startNow();
    return this.started;
  }

  /** Resolves when it is ready, now or in a later life. */
  async untilReady(): Promise<void> {
    while (!this.isReady || !this.isRunning) await new Promise<void>((go) => this.waiting.push(go));
  }

  private async startNow(): Promise<void> {
    const { name, file, args, env, cwd, ready, onLine, onEnd } = this.setup;
    const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    this.output = '';
    this.isEnding = this.isReady = false;
    // The pipe that tells a server of its end may be gone before the server is.
    child.stdin.on('error', () => {});
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (what: string) => reject(new Error(`${name} ${what}:\n${this.output.slice(-4000)}`));
    const hear = (text: string) => {
      this.output = (this.output + text).slice(-100_000);
      if (ready.test(this.output)) resolve();
      if (onLine !== undefined) this.split(text, onLine);
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`ended (${code ?? signal})`));
    const timer = setTimeout(() => fail('did not start in time'), startLimit);
    await promise.finally(() => clearTimeout(timer));
    this.isReady = true;
    for (const go of this.waiting.splice(0)) go();
    const tell = () => {
      const { exitCode, signalCode } = child;
      if (!this.isEnding) onEnd?.(`ended by itself (${exitCode ?? signalCode}): ${this.output.slice(-300)}`);
    };
    if (this.isRunning) child.once('exit', tell);
    else tell();
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child?.kill(signal);
  }

  /** Resolves when it has ended; what does not end by itself is killed. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.isEnding = true;
    if (child === null || !this.isRunning) return;
    const exit = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimit);
    child.kill(signal);
    await exit;
    clearTimeout(timer);
  }

  private split(text: string, onLine: (line: string) => void): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}
