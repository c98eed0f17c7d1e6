/**
 * Holds signals from the first moment of the process on: a signal that comes before there is a listener is kept for it. A service
 * manager may reload or stop Limpet as soon as it has started it, and a signal without a listener would end the process.
 */
import { close as closeInspector, url as inspectorUrl } from 'node:inspector';

/** The part of `process` that is needed. */
export interface Signals {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** The part of `process` by which it can send a signal to itself. */
export interface SignalledProcess extends Signals {
  readonly pid: number;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  kill(pid: number, signal: string): unknown;
}

/**
 * SIGUSR1 opens the files of logs again. Without a listener it would end the process, and Node would open a port for a debugger.
 */
const held = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const;

/** Answers the signals that came before this file was loaded, and removes the listeners that bin/checkout.js had set for them. */
type EarlySignals = () => readonly string[];

export class HeldSignals implements Signals {
  private readonly process: SignalledProcess;
  private readonly arrived: string[] = [];
  private readonly holders = new Map<string, () => void>();

  /** Holds SIGHUP, SIGUSR1, SIGUSR2, SIGINT and SIGTERM from now on. `early`: gives the signals that came before. */
  constructor(process: SignalledProcess, early: EarlySignals = () => []) {
    this.process = process;
    for (const signal of held) {
      const hold = (): void => void this.arrived.push(signal);
      this.holders.set(signal, hold);
      process.on(signal, hold);
    }
    this.arrived.push(...early());
  }

  /** Like `process.on`. For a signal that has come already, `listener` is called before this returns, once for each time. */
  on(event: string, listener: (...args: unknown[]) => void): void {
    this.process.on(event, listener);
    const hold = this.holders.get(event);
    if (hold === undefined) return;
    this.process.off(event, hold);
    this.holders.delete(event);
    for (const signal of this.arrived) if (signal === event) listener(signal);
  }

  /** There will be no listener: signals have their default effect, also those that have come already. */
  release(): void {
    const { process, arrived } = this;
    for (const [signal, hold] of this.holders) process.off(signal, hold);
    for (const signal of arrived) if (this.holders.has(signal)) process.kill(process.pid, signal);
    this.holders.clear();
  }
}

export function earlySignals(): readonly string[] {
  return (globalThis as { limpetEarlySignals?: EarlySignals }).limpetEarlySignals?.() ?? [];
}

/**
 * On Node a SIGUSR1 that comes before there is a listener opens a port for a debugger, in the first 20 ms of the process. It is closed
 * again, unless somebody has asked for it.
 */
export function closeDebugger({
  execArgv,
  env,
  versions,
}: Pick<NodeJS.Process, 'execArgv' | 'env' | 'versions'>): void {
  if (versions.bun !== undefined || [...execArgv, env.NODE_OPTIONS ?? ''].some((one) => one.includes('--inspect')))
    return;
  if (inspectorUrl() !== undefined) closeInspector();
}
