/** CPU time and memory of a process and all its descendants, read from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in 1/100 s towards user space, whatever its own timer does. */
const tickMicroseconds = 10_000;

export interface CpuTime {
  /** Microseconds. The kernel splits its exact run time by samples, so the sum is better than the parts. */
  readonly user: number;
  readonly system: number;
}

interface Stat extends CpuTime {
  readonly pid: number;
  readonly parent: number;
}

/**
 * One line of /proc/PID/stat, with the time of children that have ended and were waited for: so the sum over
 * a tree never goes down. The name in brackets may itself hold brackets and spaces.
 */
export function parseStat(line: string): Stat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number) => Number(fields[index]);
  return {
    pid: Number.parseInt(line, 10),
    parent: ticks(1),
    user: (ticks(11) + ticks(13)) * tickMicroseconds,
    system: (ticks(12) + ticks(14)) * tickMicroseconds,
  };
}

/** The processes of the tree under `root`, itself first; empty when it is gone. */
export function treeOf(root: number, all: readonly Stat[]): Stat[] {
  const tree = all.filter((one) => one.pid === root);
  for (const one of tree) tree.push(...all.filter((child) => child.parent === one.pid));
  return tree;
}

function readTree(root: number): Stat[] {
  const all: Stat[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const line = readOrNull(`/proc/${entry}/stat`);
    if (line !== null) all.push(parseStat(line));
  }
  return treeOf(root, all);
}

/** A process may end between the listing and the reading. */
function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

export function cpuTime(root: number): CpuTime {
  let [user, system] = [0, 0];
  for (const one of readTree(root)) {
    user += one.user;
    system += one.system;
  }
  return { user, system };
}

/** Resident bytes of the tree. Pages that its processes share count once in each. */
export function residentBytes(root: number): number {
  let kilobytes = 0;
  for (const { pid } of readTree(root)) {
    const status = readOrNull(`/proc/${pid}/status`) ?? '';
    kilobytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}
