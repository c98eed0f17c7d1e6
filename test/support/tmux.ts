/** A terminal in which a program runs, and what is seen there: for `limpet top`. */
import { execFileSync } from 'node:child_process';
import { until } from './until.ts';

export class Tmux implements Disposable {
  private readonly file: string;
  private readonly socket: string;

  /** A server of its own, with one terminal in which that command runs. */
  constructor(file: string, socket: string, command: string, env: NodeJS.ProcessEnv) {
    this.file = file;
    this.socket = socket;
    const window = ['new-session', '-d', '-x', '120', '-y', '24', command];
    execFileSync(file, ['-S', socket, '-f', '/dev/null', ...window], { env: { ...env, TERM: 'xterm-256color' } });
  }

  /** Of the program, or of the shell that runs it. */
  get pid(): number {
    return Number(
      execFileSync(this.file, ['-S', this.socket, 'list-panes', '-F', '#{pane_pid}'], { encoding: 'utf8' }),
    );
  }

  screen(): string {
    return execFileSync(this.file, ['-S', this.socket, 'capture-pane', '-p'], { encoding: 'utf8' });
  }

  press(...keys: string[]): void {
    execFileSync(this.file, ['-S', this.socket, 'send-keys', ...keys]);
  }

  async shows(pattern: RegExp): Promise<void> {
    try {
      await until(`the screen shows ${pattern}`, () => pattern.test(this.screen()));
    } catch (error) {
      throw new Error(`${error}\n${this.screen()}`);
    }
  }

  [Symbol.dispose](): void {
    execFileSync(this.file, ['-S', this.socket, 'kill-server']);
  }
}
