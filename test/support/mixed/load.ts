/** Starts the driver of the mixed load, in a process of its own, and ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Plan } from './driver.ts';

const driver = new URL('./driver.ts', import.meta.url);

export interface RunningLoad extends AsyncDisposable {
  readonly pid: number;
  /** Lets every client visit a last time; answers how many requests there were. */
  finish(): Promise<number>;
}

export async function startLoad(plan: Plan): Promise<RunningLoad> {
  const child = spawn(process.execPath, [driver.pathname, JSON.stringify(plan)], { stdio: 'pipe' });
  const output = outputOf(child);
  await output.waitFor('started');
  return {
    pid: child.pid ?? 0,
    finish: async () => {
      child.stdin.write('finish\n');
      return (JSON.parse(await output.waitFor('{')) as { requests: number }).requests;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Waits for lines of a child's output by how they begin; fails with its errors when it ends before. */
function outputOf(child: ChildProcess): { waitFor(start: string): Promise<string> } {
  let text = '';
  let errors = '';
  let ended = false;
  let wake = (): void => {};
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    wake();
  });
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece;
  });
  child.on('close', () => {
    ended = true;
    wake();
  });
  return {
    waitFor: (start) =>
      new Promise((done, fail) => {
        wake = () => {
          const line = text.split('\n').find((one) => one.startsWith(start));
          if (line !== undefined) done(line);
          else if (ended) fail(new Error(`the driver ended without saying ${start}: ${errors}`));
        };
        wake();
      }),
  };
}
