/** Starts a test app as a process of its own, on either runtime, and ends it by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { SessionOptions } from '../../../src/session/index.ts';
import type { Runtime } from '../../support/runtimes.ts';

const root = join(import.meta.dirname, '../../..');

export interface LaunchedApp extends AsyncDisposable {
  readonly port: number;
  /** What it wrote to stderr so far. */
  readonly errors: () => string;
  /** kill -9. */
  kill(): Promise<void>;
}

export interface LaunchOptions {
  readonly runtime: Runtime;
  /** File of `apps/` without its ending. */
  readonly app: string;
  readonly options?: Partial<SessionOptions>;
  readonly port?: number;
  /** Told as JSON. */
  readonly more?: object;
  readonly env?: Readonly<Record<string, string>>;
}

export function launch({ runtime, app, options, port = 0, more = {}, env = {} }: LaunchOptions): Promise<LaunchedApp> {
  const command = join(root, 'node_modules/.bin', runtime);
  const file = join(import.meta.dirname, 'apps', `${app}.ts`);
  const given = JSON.stringify({ strategy: 'sticky', ...options });
  return started(
    spawn(command, [file, given, String(port), JSON.stringify(more)], {
      stdio: 'pipe',
      env: { ...process.env, ...env },
    }),
  );
}

/** Resolves when the program has written `listening <port>`. */
export function started(child: ChildProcess): Promise<LaunchedApp> {
  let errors = '';
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  child.stderr?.on('data', (piece) => (errors += piece));
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  return new Promise((done, fail) => {
    let output = '';
    child.once('error', fail);
    child.once('exit', () => fail(new Error(`the app ended: ${errors}`)));
    child.stdout?.on('data', (piece) => {
      output += piece;
      const port = /listening (\d+)\n/.exec(output)?.[1];
      if (port !== undefined) done({ port: Number(port), errors: () => errors, kill, [Symbol.asyncDispose]: kill });
    });
  });
}
