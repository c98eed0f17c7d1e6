/**
 * Signals from the first moment of the process on: one that comes before anybody listens is kept until somebody does. A
 * service manager may reload or stop us as soon as it has started us, and an unhandled signal ends a process.
 */

/** The part of `process` that is needed. */
export interface Signals {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** What a process does by itself and to itself. */
export interface SignalledProcess extends Signals {
  readonly pid: number;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  kill(pid: number, signal: string): unknown;
}

/** SIGUSR1 means nothing to a balancer: unhandled it ends the process, and has Node open a port for a debugger. */
const held = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const;

/** Names those that came before this file could be loaded, and ends the listening to them there. Left by bin/checkout.js. */
type EarlySignals = () => readonly string[];

export class HeldSignals implements Signals {
  private readonly process: SignalledProcess;
  private readonly arrived: string[] = [];
  private readonly holders = new Map<string, () => void>();

  /** Holds SIGHUP, SIGUSR1, SIGUSR2, SIGINT and SIGTERM from now on. `early`: who has held them up to now. */
  constructor(process: SignalledProcess, early: EarlySignals = () => []) {
    this.process = process;
    for (const signal of held) {
      const hold = (): void => void this.arrived.push(signal);
      this.holders.set(signal, hold);
      process.on(signal, hold);
    }
    this.arrived.push(...early());
  }

  /** As of `process`. Of a signal that has come already `listener` is told before this returns, once for each time. */
  on(event: string, listener: (...args: unknown[]) => void): void {
    this.process.on(event, listener);
    const hold = this.holders.get(event);
    if (hold === undefined) return;
    this.process.off(event, hold);
    this.holders.delete(event);
    for (const signal of this.arrived) if (signal === event) listener(signal);
  }

  /** Nobody is going to listen: signals do what they do by default, those too that have come. */
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
