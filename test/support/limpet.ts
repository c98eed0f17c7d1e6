/**
 * Starts the balancer the way a user does, as a process of its own, and ends it again: the black box of the
 * hostile, interop and scenario suites. `await using limpet = await startLimpet(...)` leaves nothing behind. What it speaks is said
 * by transport.ts; to the scenario it is HTTP/1.1 without TLS.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { BridgedListeners, configOfArgs, type Listener, listenersOf } from './bridge/listeners.ts';
import { limpetCommand } from './command.ts';
import type { Runtime } from './runtimes.ts';

export interface LimpetSetup {
  /** Written as YAML. Without `listeners` it gets one on 127.0.0.1, any free port. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** After `--config`, when there is one. Without config and `--listen`: listens on 127.0.0.1, any free port. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of a copy of the sources that is to run. Left out: ours. */
  readonly copy?: string;
  /** Most descriptors of the process (`ulimit -n`). Left out: as many as this one may have. */
  readonly descriptors?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Limpet extends AsyncDisposable {
  /** Of the first listener. */
  readonly port: number;
  readonly url: string;
  /** What each listener said it listens on, `host:port`, in order. */
  readonly addresses: readonly string[];
  readonly pid: number;
  /** Its current folder; `state` in it is its stateDir. */
  readonly folder: string;
  stdout(): string;
  stderr(): string;
  /** Asks for the counters (SIGUSR2) and reads them from stderr. */
  counters(): Promise<Record<string, number>>;
  /** Sessions in the table, by `pool/server`; asked for in the same way. */
  sessions(): Promise<Record<string, number>>;
  /**
   * Writes this config in place of the one it was started with and asks for it (SIGHUP). Resolves to the new line of its
   * log when it has been taken, and rejects with it when it was refused.
   */
  reload(config: Readonly<Record<string, unknown>>): Promise<string>;
  /** Default SIGTERM; SIGKILL when the process is still there after 10 s. Answers at once if it has ended already. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

const startTimeout = 30_000;
const stopTimeout = 10_000;
const counterTimeout = 5_000;
const reloadTimeout = 10_000;

export async function startLimpet(runtime: Runtime, setup: LimpetSetup): Promise<Limpet> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-'));
  const bridged = new BridgedListeners();
  const given = setup.config ?? configOfArgs(setup.args ?? []);
  const args = [...((given === setup.config ? setup.args : undefined) ?? [])];
  let listeners: Listener[];
  if (given !== undefined) {
    const config = { listeners: [{ address: '127.0.0.1:0' }], ...given };
    listeners = listenersOf(config);
    const file = configIn(folder);
    writeFileSync(file, stringify(bridged.configFor(config)));
    args.unshift('--config', file);
  } else {
    if (!args.includes('--listen')) args.unshift('--listen', '127.0.0.1:0');
    listeners = [{ address: args[args.indexOf('--listen') + 1] ?? '' }];
  }

  const command = limpetCommand(runtime, join(folder, 'state'), args, setup.copy);
  const { descriptors = 0 } = setup;
  const limited = ['-c', `ulimit -n ${descriptors} && exec "$0" "$@"`, command.file, ...command.args];
  const child = spawn(descriptors > 0 ? 'sh' : command.file, descriptors > 0 ? limited : command.args, {
    cwd: folder,
    // A process group of its own: whatever it starts can be ended with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...command.env, ...setup.env },
  });
  const running = new Running(child, folder, bridged);
  try {
    const bound = await running.waitForListeners(listeners.length);
    return running.open(await bridged.open(listeners, bound));
  } catch (error) {
    await running.dispose();
    throw error;
  }
}

function configIn(folder: string): string {
  return join(folder, 'limpet.yaml');
}

interface State {
  readonly counters: Record<string, number>;
  readonly sessions: Record<string, number>;
}

class Running {
  out = '';
  err = '';
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly bridged: BridgedListeners;
  private exit: Exit | null = null;
  private readonly exited: Promise<Exit>;
  private failure = '';
  /** Called after each piece of stderr and at the exit. */
  private readonly watchers = new Set<() => void>();
  private asking: Promise<unknown> = Promise.resolve();

  constructor(child: ChildProcess, folder: string, bridged: BridgedListeners) {
    this.child = child;
    this.folder = folder;
    this.bridged = bridged;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      this.tell();
    });
    this.exited = new Promise((done) => {
      const ended = (code: number | null, signal: string | null) => {
        this.exit = { code, signal };
        this.tell();
        done(this.exit);
      };
      child.once('error', (error) => {
        this.failure = error.message;
        ended(null, null);
      });
      // `close` comes after the last byte of stdout and stderr.
      child.once('close', ended);
    });
    process.once('exit', this.endGroup);
  }

  open(addresses: readonly string[]): Limpet {
    const first = addresses[0] ?? '';
    return {
      port: Number(/:(\d+)$/.exec(first)?.[1] ?? 0),
      url: `http://${first}`,
      addresses,
      pid: this.child.pid ?? 0,
      folder: this.folder,
      stdout: () => this.bridged.textFor(this.out),
      stderr: () => this.bridged.textFor(this.err),
      counters: () => this.state().then(({ counters }) => counters),
      sessions: () => this.state().then(({ sessions }) => sessions),
      reload: (config) => this.reload(config),
      stop: (signal = 'SIGTERM') => this.stop(signal),
      [Symbol.asyncDispose]: () => this.dispose(),
    };
  }

  waitForListeners(count: number): Promise<string[]> {
    return this.waitFor('start to listen', startTimeout, () => {
      const found = [...this.err.matchAll(/listening on (?:https?:\/\/)?(\S+)[^\n]*\n/g)].map(
        (match) => match[1] ?? '',
      );
      return found.length >= count ? found : undefined;
    });
  }

  async stop(signal: NodeJS.Signals): Promise<Exit> {
    if (this.exit !== null) return this.exit;
    this.child.kill(signal);
    const timer = setTimeout(this.endGroup, stopTimeout);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async dispose(): Promise<void> {
    this.endGroup();
    await this.exited;
    await this.bridged[Symbol.asyncDispose]();
    process.off('exit', this.endGroup);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One question at a time, so that each answer belongs to its question. */
  private state(): Promise<State> {
    const answer = this.asking.then(() => {
      const from = this.err.length;
      this.child.kill('SIGUSR2');
      return this.waitFor('print its counters', counterTimeout, () => {
        const line = /^\{"counters":.*\}$/m.exec(this.err.slice(from, this.err.lastIndexOf('\n') + 1))?.[0];
        return line === undefined ? undefined : (JSON.parse(line) as State);
      });
    });
    this.asking = answer.catch(() => {});
    return answer;
  }

  private async reload(config: Readonly<Record<string, unknown>>): Promise<string> {
    const change = await this.bridged.change(config);
    writeFileSync(configIn(this.folder), stringify(change.config));
    const from = this.err.length;
    this.child.kill('SIGHUP');
    const line = await this.waitFor('reload its config', reloadTimeout, () => {
      const text = this.err.slice(from, this.err.lastIndexOf('\n') + 1);
      return /^.*(?:config reloaded|reload refused).*$/m.exec(text)?.[0];
    });
    const isRefused = line.includes('reload refused');
    await (isRefused ? change.undo() : change.done());
    if (isRefused) throw this.error(`refused its new config: ${line}`);
    return line;
  }

  private waitFor<T>(what: string, timeout: number, look: () => T | undefined): Promise<T> {
    return new Promise((found, fail) => {
      const check = () => {
        const value = look();
        if (value === undefined && this.exit === null) return;
        done();
        if (value !== undefined) found(value);
        else fail(this.error(`ended (code ${this.exit?.code}, signal ${this.exit?.signal}) and did not ${what}`));
      };
      const timer = setTimeout(() => {
        done();
        fail(this.error(`did not ${what} within ${timeout} ms`));
      }, timeout);
      const done = () => {
        clearTimeout(timer);
        this.watchers.delete(check);
      };
      this.watchers.add(check);
      check();
    });
  }

  private error(what: string): Error {
    const started = this.failure === '' ? '' : ` (${this.failure})`;
    return new Error(`limpet ${what}${started}; its stderr:\n${this.err}\nits stdout:\n${this.out.slice(-4096)}`);
  }

  private tell(): void {
    for (const watcher of [...this.watchers]) watcher();
  }

  private readonly endGroup = (): void => {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // ESRCH: everything of it has ended.
    }
  };
}
