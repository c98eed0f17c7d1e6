/** A balancer whose clock a test sets: time passes while it is down, and its sessions and keys outlive that. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Limpet, startLimpet } from './limpet.ts';
import type { Runtime } from './runtimes.ts';

export class ClockedLimpet implements AsyncDisposable {
  private readonly runtime: Runtime;
  private readonly config: Readonly<Record<string, unknown>>;
  private readonly folder = mkdtempSync(join(tmpdir(), 'limpet-clocked-'));
  private limpet: Limpet | undefined;
  private passedSeconds = 0;

  private constructor(runtime: Runtime, config: Readonly<Record<string, unknown>>) {
    this.runtime = runtime;
    this.config = config;
  }

  static async start(runtime: Runtime, config: Readonly<Record<string, unknown>>): Promise<ClockedLimpet> {
    const clocked = new ClockedLimpet(runtime, config);
    await clocked.run();
    return clocked;
  }

  /** Another one after each `pass`. */
  get url(): string {
    return this.limpet?.url ?? '';
  }

  /** It is stopped, and started again so many seconds later. */
  async pass(seconds: number): Promise<void> {
    await this.limpet?.stop();
    await this.limpet?.[Symbol.asyncDispose]();
    this.passedSeconds += seconds;
    writeFileSync(this.clock, String(this.passedSeconds * 1000));
    // It holds how far its clock was ahead of the machine's: without it the new time is no step of the clock.
    rmSync(join(this.state, 'clock'), { force: true });
    await this.run();
  }

  private get clock(): string {
    return join(this.folder, 'now');
  }

  private get state(): string {
    return join(this.folder, 'state');
  }

  private async run(): Promise<void> {
    const env = { LIMPET_TEST_CLOCK: this.clock, NODE_ENV: 'test', LIMPET_STATE: this.state };
    this.limpet = await startLimpet(this.runtime, { config: this.config, env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.limpet?.[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
