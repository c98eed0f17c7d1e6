/** Starts the balancer with workers that do what a test says, as a process of its own on the runtime that is asked for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { until } from './peers.ts';
import type { Runtime } from './runtimes.ts';

export interface StagedLimpet extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Makes a worker fail, from 0; resolves when the one in its place listens. */
  crash(worker: number): Promise<void>;
  /** The same with one whose event loop does not turn any more; resolves to what the log says of it. */
  hang(worker: number): Promise<string>;
  /** From now on the worker handles no message of the supervisor; with `hold` false it handles all that have come, in their order. */
  holdMessages(worker: number, hold: boolean): void;
  /** Resolves when all workers have taken the config over. */
  reload(config: Readonly<Record<string, unknown>>): Promise<void>;
  counters(): Promise<Readonly<Record<string, number>>>;
}

/** `descriptors`: most of the process (`ulimit -n`); 0: as many as this one may have. */
export async function startStaged(
  runtime: Runtime,
  config: Readonly<Record<string, unknown>>,
  descriptors = 0,
): Promise<StagedLimpet> {
  const root = resolve(import.meta.dirname, '../..');
  const folder = mkdtempSync(join(tmpdir(), 'limpet-stage-'));
  const file = join(folder, 'limpet.yaml');
  writeFileSync(file, stringify(config));
  const limited = descriptors === 0 ? 'exec "$0" "$@"' : `ulimit -n ${descriptors} && exec "$0" "$@"`;
  const program = [join(root, 'node_modules/.bin', runtime), join(import.meta.dirname, 'staged-limpet.ts'), file];
  const child = spawn('sh', ['-c', limited, ...program], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LIMPET_STAGE: folder, LIMPET_STATE: join(folder, 'state') },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'close');
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const started = (worker: number): number => {
    const path = join(folder, `started-${worker}`);
    return existsSync(path) ? readFileSync(path).length : 0;
  };
  /** The first group of the pattern, when the balancer has said it. */
  const waitFor = async (pattern: RegExp, from = 0): Promise<string> => {
    let found: string | undefined;
    await until(String(pattern), () => {
      if (child.exitCode !== null) throw new Error(`the balancer ended: ${said}`);
      found = pattern.exec(said.slice(from))?.[1];
      return found !== undefined;
    });
    return found ?? '';
  };
  try {
    const port = Number(await waitFor(/listening on \S+:(\d+)/));
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      crash: async (worker) => {
        const before = started(worker);
        writeFileSync(join(folder, `crash-${worker}`), '');
        await until(`worker ${worker} is replaced`, () => started(worker) > before);
        await waitFor(new RegExp(`worker (${worker + 1}) failed and is replaced`));
      },
      hang: async (worker) => {
        const before = started(worker);
        const from = said.length;
        writeFileSync(join(folder, `hang-${worker}`), '');
        await until(`worker ${worker} is replaced`, () => started(worker) > before);
        return waitFor(new RegExp(`(worker ${worker + 1} failed and is replaced: [^\n]*)`), from);
      },
      holdMessages: (worker, hold) => {
        const path = join(folder, `hold-${worker}`);
        if (hold) writeFileSync(path, '');
        else rmSync(path);
      },
      reload: async (next) => {
        const from = said.length;
        writeFileSync(file, stringify(next));
        child.kill('SIGHUP');
        await waitFor(/(config reloaded)/, from);
      },
      counters: async () => {
        const from = said.length;
        child.kill('SIGUSR2');
        const line = await waitFor(/^(\{"counters":\{.*\})\n/m, from);
        return (JSON.parse(line) as { counters: Record<string, number> }).counters;
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
