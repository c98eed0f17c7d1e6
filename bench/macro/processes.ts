/** Child processes pinned to cores, each with its own process group and log, all gone when the benchmark ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url));

/** npm's programs first (the system's node may be too old), and Debian's sbin, which is not in every user's PATH. */
const searchPath = [
  join(projectRoot, 'node_modules/.bin'),
  process.env.PATH ?? '',
  '/usr/sbin',
  '/usr/local/sbin',
].join(delimiter);

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly log: string;
}

const running = new Set<Running>();
const directories = new Set<string>();

/** Ends every process and removes every directory, also after an error or Ctrl-C: nothing is left under load. */
export function endWithThisProcess(): void {
  process.on('exit', () => {
    for (const one of running) killGroup(one.pid);
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

export function temporaryDirectory(): string {
  // Readable for all: nginx started by root works as another user.
  const directory = mkdtempSync(join(tmpdir(), 'limpet-bench-'));
  chmodSync(directory, 0o755);
  directories.add(directory);
  return directory;
}

/** Full path of a program, or null. The environment variable, when set, wins over the search. */
export function findProgram(name: string, variable?: string): string | null {
  const chosen = variable === undefined ? undefined : process.env[variable];
  if (chosen) return isExecutable(chosen) ? resolve(chosen) : null;
  for (const directory of searchPath.split(delimiter)) {
    if (directory !== '' && isExecutable(join(directory, name))) return join(directory, name);
  }
  return null;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a short command prints on either output. Throws when it fails. */
export function capture(command: string, args: readonly string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim();
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${done.status}: ${output}`);
  return output;
}

export interface StartOptions {
  readonly name: string;
  readonly cores: readonly number[];
  readonly dir: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a long-lived process in the foreground on its cores, in `dir`, where it may leave files. `taskset` becomes
 * the program: the pid is its own.
 */
export function startPinned({ name, cores, dir, command, args, env }: StartOptions): Running {
  const log = join(dir, `${name}.log`);
  const output = openSync(log, 'a');
  const child = spawn('taskset', ['-c', cores.join(), command, ...args], {
    cwd: dir,
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, PATH: searchPath, ...env },
  });
  if (child.pid === undefined) throw new Error(`${name}: taskset did not start`);
  const one: Running = { name, pid: child.pid, child, log };
  running.add(one);
  child.on('exit', () => {
    killGroup(one.pid);
    running.delete(one);
  });
  return one;
}

/** Ends every process that was started in `directory` or below; resolves when they are gone. */
export async function endBelow(directory: string): Promise<void> {
  const inside = [...running].filter(({ log }) => log.startsWith(`${directory}/`));
  const gone = inside.map(({ child }) => new Promise((resolve) => child.once('exit', resolve)));
  for (const { pid } of inside) killGroup(pid);
  await Promise.all(gone);
}

/** Waits until each port accepts. Throws with the end of the process's log when it ends or takes 15 seconds. */
export async function waitUntilListening(one: Running, ports: readonly number[]): Promise<void> {
  const attempts = 300;
  for (const port of ports) {
    for (let attempt = 1; !(await accepts(port)); attempt += 1) {
      const ended = one.child.exitCode !== null || one.child.signalCode !== null;
      if (ended || attempt === attempts) {
        const said = lastWords(one.log);
        throw new Error(
          `${ended ? 'ended at start' : `does not listen on port ${port}`}: ${said || 'it said nothing'}`,
        );
      }
      await sleep(50);
    }
  }
}

/** How a log ends, in one line; '' when there is nothing in it. */
export function lastWords(log: string): string {
  return readFileSync(log, 'utf8').trim().split('\n').slice(-5).join(' | ');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy());
    socket.once('error', () => socket.destroy());
    socket.once('close', (hadError) => resolve(!hadError));
  });
}

/** Free loopback ports, all different: they are held together before any is let go. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  return Promise.all(
    holders.map(
      (server) =>
        new Promise<number>((resolve) => {
          const address = server.address();
          server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
        }),
    ),
  );
}
