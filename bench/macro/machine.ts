/** The machine under the benchmark: what it is, and which of its cores may be used. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  /** Runnable processes, mean of the last minute, before the benchmark began. Near 0 on a quiet machine. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** A core list as Linux prints it: `0-2,5` is 0, 1, 2, 5. */
export function parseCoreList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    if (first === undefined || last === undefined || Number.isNaN(first + last)) return [];
    return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  });
}

export interface Cores {
  readonly proxy: number;
  /** The load generator and the servers. The same as `proxy` only where there is one core. */
  readonly load: number;
}

/** The first two cores that this process may use: inside a container that need not be 0 and 1. */
export function chooseCores(): Cores {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const [proxy = 0, load = proxy] = parseCoreList(list);
  return { proxy, load };
}
